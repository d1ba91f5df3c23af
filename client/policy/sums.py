"""Whether the sums of the clinical model are sums over patients, and not one patient in disguise.

The Hessian is the sum of p (1 - p) x x' and the gradient that of (p - y) x. Under steep coefficients all but one of
these weights vanish, and the sum is that patient's record. So their *effective number* counts, (sum w)^2 / sum w^2
(Kish, Survey Sampling, 1965): n for equal weights, 1 if one stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fedchemo.client.policy.settings import Policy
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.errors import FedchemoError

# An honest fit on standardised values stays below 3; only the intercept of patients of one class goes on, by 1 a step.
LARGEST_COEFFICIENT = 50.0
# No value of the schema's range is further out: a deviation next to 0 would make any coefficient a steep one. Looked at
# by the range and not by this site's patients, or a refusal would tell their extremes.
LARGEST_STANDARDISED = 150.0
RANGES = {"age_years": (15.0, 110.0), "log_tumour_volume": (math.log(0.001), math.log(3000.0))}
"""Of `fedchemo.shared.clinical.schema`; every other variable is 0 or 1."""


def check_statistics(statistics: ClinicalStatistics) -> None:
    """Refuse statistics that no federation of patients can have.

    Raises:
        FedchemoError: FC915.
    """
    for name, mean, deviation in zip(statistics.names, statistics.means, statistics.deviations, strict=True):
        furthest = max(abs(end - mean) for end in RANGES.get(name, (0.0, 1.0)))
        if not furthest <= LARGEST_STANDARDISED * deviation:
            raise FedchemoError("FC915", f"{name} with mean {mean:.3g} and deviation {deviation:.3g}")


def check_coefficients(coefficients: npt.NDArray[np.float64]) -> None:
    """Refuse coefficients that no honest fit reaches.

    Raises:
        FedchemoError: FC914.
    """
    largest = float(np.abs(coefficients).max())
    if not largest <= LARGEST_COEFFICIENT:
        raise FedchemoError("FC914", f"a coefficient of {largest:.3g}; at most {LARGEST_COEFFICIENT:g}")


def effective_number(weights: npt.NDArray[np.float64]) -> float:
    """Return (sum w)^2 / sum w^2 of the absolute weights; how many there are if all are 0."""
    sizes = np.abs(weights)
    if not sizes.max(initial=0.0):
        return float(len(sizes))
    sizes = sizes / sizes.max()  # squares of tiny weights would vanish
    return float(sizes.sum() ** 2 / (sizes @ sizes))


def check_sums(
    policy: Policy,
    features: npt.NDArray[np.float32],
    labels: npt.NDArray[np.float32],
    coefficients: npt.NDArray[np.float64],
) -> None:
    """Refuse sums that few patients make up.

    A quarter of ``training_patients`` must be left: by default 5, as behind any other statistic. It is not more since
    patients weigh unalike in an honest fit: with 17 of 20 at p = 0.03 and 3 at 0.5, the curvature is that of 7.6. The
    gradient of a fit to rare outcomes is mostly that of the few who had one, so that less is demanded of it there.

    Args:
        policy: says how many must stand behind an update.
        features: (n, d), standardised.
        labels: (n,) of 0 and 1.
        coefficients: (d + 1,), intercept last.

    Raises:
        FedchemoError: FC914.
    """
    logits = features.astype(np.float64) @ coefficients[:-1] + coefficients[-1]
    # By its own exponential, since 1 - p rounds to 0 where p is next to 1.
    unlikely = np.exp(-np.logaddexp(0.0, np.abs(logits)))
    likely = 1.0 - unlikely
    misses = np.where((logits > 0) == (labels > 0.5), unlikely, likely)
    least = 0.25 * policy.training_patients
    # With the intercept alone the residuals' effective number would be four times this.
    of_both = float(labels.sum() * (1.0 - labels).sum()) / max(1, len(labels))
    for what, weights, enough in (
        ("curvature", likely * unlikely, least),
        ("gradient", misses, min(least, of_both)),
    ):
        found = effective_number(weights)
        if found < enough:
            raise FedchemoError(
                "FC914",
                f"the {what} at these coefficients is that of {found:.1f} patients; at least {enough:g}",
            )


def without_rare_indicators(
    features: npt.NDArray[np.float32], columns: Sequence[str], *, least: int
) -> npt.NDArray[np.float32]:
    """Return features in which a value that fewer than ``least`` patients miss does not count as missing.

    A missing indicator is 1 for those patients and 0 for all others, so that its row of the Hessian is the sum of
    their records, and with one such patient the record itself. They keep the imputed value.

    Args:
        features: (patients, columns), encoded.
        columns: names, as of `fedchemo.shared.clinical.encoding.names`.
        least: patients behind a statistic that may leave.
    """
    shown = features.copy()
    for place, name in enumerate(columns):
        if name.endswith("_missing") and 0 < np.count_nonzero(features[:, place]) < least:
            shown[:, place] = 0
    return shown
