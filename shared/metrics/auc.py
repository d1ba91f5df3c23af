"""Area under the ROC curve with DeLong's interval, and the difference of two on the same patients.

Everything is computed from counts of pCR and others at each distinct score, in ascending order: a patient's
*placement* is the share of the other class that it beats, ties counting half, and the AUC is the mean
placement (Mann & Whitney 1947). DeLong's variance (DeLong, DeLong & Clarke-Pearson, Biometrics 44:837, 1988)
is that of the placements; sorting once makes it O(n log n) as in Sun & Xu (IEEE Signal Processing Letters
21:1389, 2014). A score histogram holds such counts as well, so it shares this code.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.interval import Interval, Z
from fedchemo.shared.metrics.scores import Vector, checked

Counts = npt.NDArray[np.int64]


def auc(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Interval | None:
    """Return the exact AUC with DeLong's 95 % interval; None if a class is absent.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(probabilities, labels)
    _, where = np.unique(scores, return_inverse=True)
    return auc_of_counts(*_counts(where, outcomes))


def auc_of_counts(positives: Counts, negatives: Counts) -> Interval | None:
    """Return the AUC and its interval from the counts of each class in ascending bins of score.

    Where DeLong's variance does not exist (one patient of a class) or is 0 because the classes are perfectly
    separated, the interval is Newcombe's, which is not fooled into certainty by a small sample.
    """
    m, n = int(positives.sum()), int(negatives.sum())
    if m == 0 or n == 0:
        return None
    beaten, beating = _placements(positives, negatives)
    area = min(1.0, max(0.0, float(positives @ beaten) / m))
    if m < 2 or n < 2 or area in {0.0, 1.0}:
        return _newcombe(area, m, n)
    variance = _spread(beaten, positives) / m + _spread(beating, negatives) / n
    return Interval.normal(area, math.sqrt(variance), least=0.0, most=1.0)


def paired_difference(first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike) -> Interval | None:
    """Return AUC(first) - AUC(second) on the same patients with DeLong's 95 % interval.

    Args:
        first: probabilities of one model, (n,).
        second: probabilities of the other for the same patients, (n,).
        labels: outcomes, (n,).

    Returns:
        None with fewer than two patients of a class.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(first, labels)
    others, _ = checked(second, labels)
    m, n = int(outcomes.sum()), int((~outcomes).sum())
    if m < 2 or n < 2:
        return None
    per_patient = [_patient_placements(each, outcomes) for each in (scores, others)]
    difference = per_patient[0] - per_patient[1]
    variance = difference[outcomes].var(ddof=1) / m + difference[~outcomes].var(ddof=1) / n
    value = float(difference[outcomes].mean())
    return Interval.normal(value, math.sqrt(variance), least=-1.0, most=1.0)


def _counts(where: npt.NDArray[np.intp], outcomes: npt.NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Return the counts of each class at each distinct score."""
    bins = int(where.max(initial=-1)) + 1
    return (
        np.bincount(where[outcomes], minlength=bins).astype(np.int64),
        np.bincount(where[~outcomes], minlength=bins).astype(np.int64),
    )


def _placements(positives: Counts, negatives: Counts) -> tuple[Vector, Vector]:
    """Return for each bin the share of negatives that it beats and the share of positives that beat it."""
    beaten = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    beating = 1 - (np.cumsum(positives) - positives / 2) / positives.sum()
    return beaten, beating


def _patient_placements(scores: Vector, outcomes: npt.NDArray[np.bool_]) -> Vector:
    _, where = np.unique(scores, return_inverse=True)
    beaten, beating = _placements(*_counts(where, outcomes))
    return np.where(outcomes, beaten[where], beating[where])


def _spread(placements: Vector, counts: Counts) -> float:
    """Return the sample variance of placements of which each occurs ``counts`` times."""
    total = int(counts.sum())
    centred = placements - float(counts @ placements) / total
    return float(counts @ centred**2) / (total - 1)


def _newcombe(area: float, m: int, n: int) -> Interval:
    """Return the interval of Newcombe's method 5 (Statistics in Medicine 25:559, 2006).

    It holds every AUC that lies within 1.96 of its own standard errors of the observed one; the standard
    error is Hanley and McNeil's with both class sizes taken as their mean.
    """
    mean_size = (m + n) / 2

    def too_far(true: float) -> bool:
        inflation = 1 + (mean_size - 1) * ((1 - true) / (2 - true) + true / (1 + true))
        return abs(true - area) > Z * math.sqrt(true * (1 - true) * inflation / (m * n))

    def edge(outside: float) -> float:
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if too_far(middle) else (middle, outside)
        return inside

    return Interval(area, edge(0.0) if area > 0 else 0.0, edge(1.0) if area < 1 else 1.0)
