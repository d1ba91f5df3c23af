"""The ROC curve with a pointwise band: how sensitive the model is at each false positive rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.interval import LEVEL
from fedchemo.shared.metrics.scores import Vector, checked
from fedchemo.simulations.statistics.resampling import (
    RESAMPLES,
    ByPatient,
    Counts,
    Resampling,
    Statistic,
    draws,
)

POINTS = 101


@dataclass(frozen=True, eq=False)
class Roc:
    """The curve, and its 95 % band at even steps of the false positive rate.

    Attributes:
        false_positive_rates: of the curve, from (0, 0) to (1, 1), a point a distinct score.
        sensitivities: of the curve.
        at: false positive rates of the band, (points,).
        low: its lower bound.
        high: its upper bound.
    """

    false_positive_rates: Vector
    sensitivities: Vector
    at: Vector
    low: Vector
    high: Vector


def roc(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
    points: int = POINTS,
) -> Roc | None:
    """Return the curve with a percentile band over resampled patients (Efron & Tibshirani 1993, ch. 13).

    Args:
        probabilities: (n,).
        labels: (n,).
        generator: a derived stream.
        resampling: by default over patients within each class.
        resamples: how many.
        points: of the band.

    Returns:
        None if a class is absent.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    if not outcomes.any() or outcomes.all():
        return None
    alarms, hits = _rates(scores, outcomes.astype(np.float64), np.ones((1, len(scores))))
    at = np.linspace(0, 1, points)
    found = draws(
        _sensitivities(scores, outcomes.astype(np.float64), at),
        resampling or ByPatient(outcomes),
        generator=generator,
        resamples=resamples,
    )
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Roc(alarms[0], hits[0], at, low, high)


def _sensitivities(scores: Vector, outcomes: Vector, at: Vector) -> Statistic:
    """Return sensitivity at false positive rates as a statistic, (resamples, points)."""

    def statistic(counts: Counts) -> Vector:
        alarms, hits = _rates(scores, outcomes, counts)
        # Where the curve rises without an alarm, `interp` takes its upper end.
        return np.stack([np.interp(at, *row) for row in zip(alarms, hits, strict=True)])

    return statistic


def _rates(scores: Vector, outcomes: Vector, counts: Counts) -> tuple[Vector, Vector]:
    """Return false positive rates and sensitivities from the strictest threshold to the loosest, (resamples, k + 1)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    drawn = counts[:, order]
    rates = []
    for part in (drawn * (1 - outcomes[order]), drawn * outcomes[order]):
        reached = np.cumsum(part, axis=1)
        shares = reached[:, ends] / reached[:, -1:]
        rates.append(np.concatenate([np.zeros((len(counts), 1)), shares], axis=1))
    return rates[0], rates[1]
