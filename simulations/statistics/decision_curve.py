"""Decision curves with bands; the curve from counts is `fedchemo.shared.metrics.decision_curve`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.decision_curve import DecisionCurve, decision_curve_of_histogram, odds_of
from fedchemo.shared.metrics.interval import LEVEL
from fedchemo.shared.metrics.scores import Labels, Vector, checked
from fedchemo.simulations.statistics.resampling import (
    RESAMPLES,
    ByPatient,
    Counts,
    Resampling,
    Statistic,
    draws,
)

__all__ = ["THRESHOLDS", "DecisionCurve", "decision_curve", "decision_curve_of_histogram", "net_benefits"]

THRESHOLDS = tuple(step / 100 for step in range(5, 65, 5))
"""pCR is reached by a third: nobody would act on a threshold far above a half."""


def decision_curve(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    generator: np.random.Generator | None = None,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
) -> DecisionCurve | None:
    """Return the decision curve.

    Args:
        probabilities: (n,).
        labels: (n,).
        thresholds: probabilities at which a clinician might act.
        generator: a derived stream; given, the curve has bootstrap bands.
        resampling: of the bands; by default over all patients, so that the share of pCR varies as well.
        resamples: how many.

    Returns:
        None without patients.

    Raises:
        FedchemoError: FC801, FC802.
        ValueError: if a threshold does not lie between 0 and 1.
    """
    scores, outcomes = checked(probabilities, labels)
    if not len(scores):
        return None
    odds = odds_of(thresholds)
    benefit = net_benefits(scores, outcomes, thresholds)
    model, everyone = benefit(np.ones((1, len(scores))))[0].reshape(2, -1)
    bands: list[Vector | None] = [None] * 4
    if generator is not None:
        found = draws(
            benefit, resampling or ByPatient(np.zeros(len(scores))), generator=generator, resamples=resamples
        ).reshape(resamples, 2, len(odds))
        edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        gains = found[:, 0] - np.maximum(found[:, 1], 0)
        bands = [*np.quantile(found[:, 0], edges, axis=0), *np.quantile(gains, edges, axis=0)]
    return DecisionCurve(
        np.asarray(thresholds, dtype=np.float64),
        model,
        everyone,
        bands[0],
        bands[1],
        model - np.maximum(everyone, 0),
        bands[2],
        bands[3],
        len(scores),
    )


def net_benefits(scores: Vector, outcomes: Labels, thresholds: Sequence[float]) -> Statistic:
    """Return net benefits as a statistic: of the model, then of treating everyone, (resamples, 2 x thresholds)."""
    odds = odds_of(thresholds)
    worth = np.where(outcomes[:, None], 1.0, -odds)
    reached = scores[:, None] >= np.asarray(thresholds)
    table = np.concatenate([worth * reached, worth], axis=1)

    def statistic(counts: Counts) -> Vector:
        return np.asarray(counts @ table / counts.sum(axis=1, keepdims=True))

    return statistic
