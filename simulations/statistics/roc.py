"""The ROC curve with a band: how many of those with pCR are found at each share of false alarms.

The band is pointwise, over resampled patients, at fixed false positive rates (vertical averaging: Fawcett, Pattern
Recognition Letters 27:861, 2006).
"""

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
    draws,
    observed,
)

POINTS = 41


@dataclass(frozen=True, eq=False)
class Roc:
    """True positive rates at even steps of the false positive rate, all (points,), with 95 % bands."""

    false_positive_rates: Vector
    true_positive_rates: Vector
    low: Vector
    high: Vector


def roc_with_band(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
    points: int = POINTS,
) -> Roc | None:
    """Return the curve; None if a class is absent.

    Args:
        probabilities: (n,).
        labels: (n,).
        generator: a derived stream.
        resampling: of the band; by default over patients within each class.
        resamples: how many.
        points: where the curve is computed.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    if not 0 < outcomes.sum() < len(outcomes):
        return None
    grid = np.linspace(0, 1, points)
    thresholds, where = np.unique(-scores, return_inverse=True)
    positive = outcomes.astype(np.float64)

    def statistic(counts: Counts) -> Vector:
        found = np.empty((len(counts), points))
        for place, drawn in enumerate(counts):
            hits, alarms = (
                np.concatenate([[0.0], np.cumsum(np.bincount(where, weights, minlength=len(thresholds)))])
                for weights in (drawn * positive, drawn * (1 - positive))
            )
            # Of the points with one false positive rate the highest counts: the curve is right-continuous.
            last = np.append(np.diff(alarms) > 0, True)
            found[place] = np.interp(grid, alarms[last] / alarms[-1], hits[last] / hits[-1])
        return found

    bands = draws(statistic, resampling or ByPatient(outcomes), generator=generator, resamples=resamples)
    low, high = np.quantile(bands, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Roc(grid, observed(statistic, len(scores)), low, high)
