"""Decision curves: is it better to treat by the model than to treat everyone, or no one?

Net benefit at a threshold probability p is the share of true positives less the share of false positives
weighed by the odds p / (1 - p) (Vickers & Elkin, Medical Decision Making 26:565, 2006). A patient counts as
positive whose probability reaches the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.histogram import ScoreHistogram
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

THRESHOLDS = tuple(step / 100 for step in range(5, 65, 5))
"""pCR is reached by a third: nobody would act on a threshold far above a half."""


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit by threshold, all (thresholds,); bands are None where they were not asked for.

    Attributes:
        thresholds: probabilities, each above 0 and below 1.
        model: net benefit of treating those whose probability reaches the threshold.
        everyone: of treating all; treating no one is 0.
        low: lower bound of the 95 % band of the model.
        high: its upper bound.
        gain: of the model over the better of treating all and no one.
        gain_low: lower bound of its 95 % band.
        gain_high: its upper bound.
        n: patients.
    """

    thresholds: Vector
    model: Vector
    everyone: Vector
    low: Vector | None
    high: Vector | None
    gain: Vector
    gain_low: Vector | None
    gain_high: Vector | None
    n: int


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
    odds = _odds(thresholds)
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


def decision_curve_of_histogram(histogram: ScoreHistogram) -> DecisionCurve | None:
    """Return the decision curve from counts, at the inner edges of the bins, where it is exact.

    Returns:
        None without patients.
    """
    n = int(histogram.positives.sum() + histogram.negatives.sum())
    if n == 0:
        return None
    thresholds = histogram.edges[1:-1]
    hits, alarms = (
        np.cumsum(counts[::-1])[::-1][1:] / n for counts in (histogram.positives, histogram.negatives)
    )
    odds = _odds(list(thresholds))
    everyone = histogram.positives.sum() / n - histogram.negatives.sum() / n * odds
    model = hits - alarms * odds
    return DecisionCurve(
        thresholds, model, everyone, None, None, model - np.maximum(everyone, 0), None, None, n
    )


def net_benefits(scores: Vector, outcomes: Labels, thresholds: Sequence[float]) -> Statistic:
    """Return net benefits as a statistic: of the model, then of treating everyone, (resamples, 2 x thresholds)."""
    odds = _odds(thresholds)
    worth = np.where(outcomes[:, None], 1.0, -odds)
    reached = scores[:, None] >= np.asarray(thresholds)
    table = np.concatenate([worth * reached, worth], axis=1)

    def statistic(counts: Counts) -> Vector:
        return np.asarray(counts @ table / counts.sum(axis=1, keepdims=True))

    return statistic


def _odds(thresholds: Sequence[float]) -> Vector:
    given = np.asarray(thresholds, dtype=np.float64)
    if not np.all((given > 0) & (given < 1)):
        msg = "a threshold lies between 0 and 1"
        raise ValueError(msg)
    return np.asarray(given / (1 - given))
