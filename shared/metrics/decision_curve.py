"""Decision curves: is it better to treat by the model than to treat everyone, or no one?

Net benefit at a threshold probability p is the share of true positives less the share of false positives
weighed by the odds p / (1 - p) (Vickers & Elkin, Medical Decision Making 26:565, 2006). A patient counts as
positive whose probability reaches the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.scores import Vector


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
    odds = odds_of(list(thresholds))
    everyone = histogram.positives.sum() / n - histogram.negatives.sum() / n * odds
    model = hits - alarms * odds
    return DecisionCurve(
        thresholds, model, everyone, None, None, model - np.maximum(everyone, 0), None, None, n
    )


def odds_of(thresholds: Sequence[float]) -> Vector:
    """Return the odds of threshold probabilities, (thresholds,).

    Raises:
        ValueError: if one does not lie between 0 and 1.
    """
    given = np.asarray(thresholds, dtype=np.float64)
    if not np.all((given > 0) & (given < 1)):
        msg = "a threshold lies between 0 and 1"
        raise ValueError(msg)
    return np.asarray(given / (1 - given))
