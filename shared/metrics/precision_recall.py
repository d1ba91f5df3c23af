"""Precision and recall: of those the model picks, how many reach pCR; of those who reach it, how many it picks.

Average precision is the sum over thresholds of precision times the gain in recall, without interpolation, which
would flatter (Davis & Goadrich, ICML 2006). A model that knows nothing has the share of pCR, not 1/2.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.scores import Vector, checked


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """From the strictest threshold to the loosest, (points,); ``chance`` is the precision of knowing nothing."""

    thresholds: Vector
    precision: Vector
    recall: Vector
    average_precision: float
    chance: float


def precision_recall(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> PrecisionRecall | None:
    """Return the curve, a point for each distinct score; None if a class is absent.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    thresholds, where = np.unique(scores, return_inverse=True)
    positives = np.bincount(where[outcomes], minlength=len(thresholds))
    negatives = np.bincount(where[~outcomes], minlength=len(thresholds))
    return _curve(thresholds, positives, negatives)


def precision_recall_of_histogram(histogram: ScoreHistogram) -> PrecisionRecall | None:
    """Return the curve from counts, a point for each bin that holds a patient; None if a class is absent.

    The average precision takes the patients of a bin with pCR as spread evenly among its others; as ties, which
    they are not, they would all have the precision of the bin's end.
    """
    curve = _curve(histogram.edges[:-1], histogram.positives, histogram.negatives)
    if curve is None:
        return None
    total, hits, alarms = 0.0, 0, 0
    for positives, negatives in zip(histogram.positives[::-1], histogram.negatives[::-1], strict=True):
        found = np.arange(1, int(positives) + 1)
        total += float(np.sum((hits + found) / (hits + found + alarms + negatives * found / (positives + 1))))
        hits, alarms = hits + int(positives), alarms + int(negatives)
    return dataclasses.replace(curve, average_precision=total / hits)


def _curve(
    thresholds: Vector, positives: npt.NDArray[np.int64], negatives: npt.NDArray[np.int64]
) -> PrecisionRecall | None:
    if not positives.any() or not negatives.any():
        return None
    used = np.flatnonzero(positives + negatives)[::-1]
    hits, alarms = np.cumsum(positives[used]), np.cumsum(negatives[used])
    precision, recall = hits / (hits + alarms), hits / hits[-1]
    return PrecisionRecall(
        thresholds[used],
        precision,
        recall,
        average_precision=float(precision @ np.diff(recall, prepend=0.0)),
        chance=float(hits[-1] / (hits[-1] + alarms[-1])),
    )
