"""What the sample at hand can show: the width of an interval, and the smallest difference that would be detected.

Hanley and McNeil's variance needs only the AUC and the two class sizes (Radiology 143:29, 1982), and with the
correlation between two AUCs that of their difference on the same patients (Radiology 148:839, 1983). The
simulation draws binormal scores and applies the very test that the study applies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from fedchemo.shared.metrics.interval import Z
from fedchemo.shared.metrics.scores import Vector, checked
from fedchemo.simulations.statistics.delong import correlation_of_aucs, placements

POWER = 0.8
"""The usual chance of detecting what is there."""
SIMULATIONS = 400
"""Power then errs by .02 (one standard error)."""


@dataclass(frozen=True)
class SampleAtHand:
    """What the patients of a study can show about the difference of two AUCs.

    Attributes:
        positives: patients with pCR.
        negatives: patients without.
        area: AUC of the reference.
        correlation: between the two AUCs.
        half_width: of the 95 % interval of one AUC.
        detectable: smallest true gain that is detected in 80 % of such studies.
        margin: smallest margin within which equality can be shown in 80 % of such studies, if both are equal.
    """

    positives: int
    negatives: int
    area: float
    correlation: float
    half_width: float
    detectable: float | None
    margin: float

    def sentence(self) -> str:
        """Return it in words."""
        gain = "no gain" if self.detectable is None else f"a gain of {self.detectable:.3f} or more"
        return (
            f"With {self.positives} patients with pCR and {self.negatives} without, an AUC of {self.area:.2f} is "
            f"known to +- {self.half_width:.3f}; {gain} would be detected with a chance of {POWER:.0%}, and two "
            f"models that are equal could be shown to be so within {self.margin:.3f}."
        )


def hanley_mcneil_error(area: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC (Hanley & McNeil 1982, with their exponential model)."""
    beats_two, beaten_by_two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (beats_two - area**2)
        + (negatives - 1) * (beaten_by_two - area**2)
    ) / (positives * negatives)
    return math.sqrt(max(0.0, variance))


def difference_error(
    first: float, second: float, positives: int, negatives: int, correlation: float
) -> float:
    """Return the standard error of the difference of two AUCs whose errors correlate (Hanley & McNeil 1983)."""
    one = hanley_mcneil_error(first, positives, negatives)
    other = hanley_mcneil_error(second, positives, negatives)
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def power(first: float, second: float, positives: int, negatives: int, correlation: float) -> float:
    """Return the chance that the two-sided test at 5 % detects the difference of two AUCs."""
    null = difference_error(second, second, positives, negatives, correlation)
    true = difference_error(first, second, positives, negatives, correlation)
    gap = abs(first - second)
    if true == 0:
        return 1.0 if gap > Z * null else 0.0
    standard = NormalDist()
    return standard.cdf((gap - Z * null) / true) + standard.cdf((-gap - Z * null) / true)


def smallest_detectable(
    area: float, positives: int, negatives: int, correlation: float, *, wanted: float = POWER
) -> float | None:
    """Return the smallest gain over an AUC that is detected with the wanted power; None if none below 1 is."""
    return _smallest(
        lambda gain: power(area + gain, area, positives, negatives, correlation), 1 - area, wanted
    )


def smallest_margin(
    area: float, positives: int, negatives: int, correlation: float, *, wanted: float = POWER
) -> float:
    """Return the smallest margin within which equality is shown with the wanted power, both being equal.

    Two one-sided tests at 5 % (Julious, Statistics in Medicine 23:1921, 2004).
    """
    error = difference_error(area, area, positives, negatives, correlation)
    standard = NormalDist()
    return (standard.inv_cdf(0.95) + standard.inv_cdf(0.5 + wanted / 2)) * error


def sample_at_hand(first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike) -> SampleAtHand | None:
    """Return what these patients can show about two such models; None with fewer than two of a class.

    The correlation is that of the two models; power is a statement about the design, so the difference that
    was observed does not enter it (Hoenig & Heisey, The American Statistician 55:19, 2001).

    Raises:
        FedchemoError: FC801, FC802.
    """
    correlation = correlation_of_aucs(first, second, labels)
    if correlation is None:
        return None
    scores, outcomes = checked(second, labels)
    m, n = int(outcomes.sum()), int((~outcomes).sum())
    area = float(placements(scores[None], outcomes)[0, outcomes].mean())
    return SampleAtHand(
        m,
        n,
        area,
        correlation,
        half_width=Z * hanley_mcneil_error(area, m, n),
        detectable=smallest_detectable(area, m, n, correlation),
        margin=smallest_margin(area, m, n, correlation),
    )


def score_correlation(first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the correlation of two models' scores within the classes, each turned into a normal score."""
    scores, outcomes = checked(first, labels)
    others, _ = checked(second, labels)
    products, sizes = 0.0, 0
    for members in (outcomes, ~outcomes):
        if members.sum() < 3:
            continue
        pair = [norm.ppf((rankdata(each[members]) - 0.5) / members.sum()) for each in (scores, others)]
        if min(each.std() for each in pair) > 0:
            products += float(np.corrcoef(*pair)[0, 1]) * int(members.sum())
            sizes += int(members.sum())
    return products / sizes if sizes else 0.0


def simulated_power(
    gain: float,
    area: float,
    positives: int,
    negatives: int,
    *,
    score_correlation: float,
    generator: np.random.Generator,
    simulations: int = SIMULATIONS,
) -> float:
    """Return the share of simulated studies in which DeLong's paired test detects a gain.

    Args:
        gain: true AUC of the first less that of the second.
        area: true AUC of the second.
        positives: patients with pCR.
        negatives: patients without.
        score_correlation: of the two scores of a patient, within the classes.
        generator: a derived stream.
        simulations: how many studies.

    Raises:
        ValueError: if an AUC would not lie between 0 and 1.
    """
    noise = _noise(positives, negatives, score_correlation, generator, simulations)
    return _detected(noise, positives, area + gain, area)


def simulated_detectable(
    area: float,
    positives: int,
    negatives: int,
    *,
    score_correlation: float,
    generator: np.random.Generator,
    wanted: float = POWER,
    simulations: int = SIMULATIONS,
) -> float | None:
    """Return the smallest gain that DeLong's paired test detects with the wanted power; None if none does.

    All gains are tried on the same simulated patients, so the answer errs by little more than the power does.
    """
    noise = _noise(positives, negatives, score_correlation, generator, simulations)
    return _smallest(
        lambda gain: _detected(noise, positives, area + gain, area), 1 - area - 1e-6, wanted, steps=10
    )


def _noise(
    positives: int, negatives: int, correlation: float, generator: np.random.Generator, simulations: int
) -> Vector:
    """Return standard normal scores of two models, (2, simulations, n), those with pCR first."""
    drawn = generator.standard_normal((2, simulations, positives + negatives))
    drawn[1] = correlation * drawn[0] + math.sqrt(1 - correlation**2) * drawn[1]
    return np.asarray(drawn)


def _detected(noise: Vector, positives: int, first: float, second: float) -> float:
    """Return the share of studies whose 95 % interval of the difference excludes 0."""
    if not (0 < first < 1 and 0 < second < 1):
        msg = f"AUCs lie between 0 and 1, not {first} and {second}"
        raise ValueError(msg)
    outcomes = np.arange(noise.shape[2]) < positives
    per_patient = []
    for scores, area in zip(noise, (first, second), strict=True):
        # Binormal: an AUC is the normal distribution's value at the shift over the root of 2.
        shift = math.sqrt(2) * NormalDist().inv_cdf(area)
        per_patient.append(placements(scores + shift * outcomes, outcomes))
    gained = per_patient[0] - per_patient[1]
    variance = sum(gained[:, each].var(axis=1, ddof=1) / each.sum() for each in (outcomes, ~outcomes))
    return float(np.mean(np.abs(gained[:, outcomes].mean(axis=1)) > Z * np.sqrt(variance)))


def _smallest(
    reached: Callable[[float], float], most: float, wanted: float, *, steps: int = 40
) -> float | None:
    """Return by bisection where a rising function reaches ``wanted``."""
    if most <= 0 or reached(most) < wanted:
        return None
    low, high = 0.0, most
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return high
