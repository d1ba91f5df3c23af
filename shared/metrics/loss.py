"""Log-loss and Brier score; both are means over patients, so their intervals follow from two sums.

A site sends the sum and the sum of squares over its patients; the coordinator adds them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.scores import Vector, checked

CERTAINTY = 1e-7
"""Probabilities are kept this far from 0 and 1: nearer, float32 cannot tell one from the next."""
LARGEST = -math.log(CERTAINTY)
"""The largest log-loss a patient can have, 16.1."""


def log_losses(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Vector:
    """Return each patient's log-loss in nats, (n,).

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(probabilities, labels)
    kept = np.clip(scores, CERTAINTY, 1 - CERTAINTY)
    return np.minimum(-np.log(np.where(outcomes, kept, 1 - kept)), LARGEST)


def log_loss(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Interval | None:
    """Return the mean log-loss in nats with its interval; None with fewer than two patients.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    losses = log_losses(probabilities, labels)
    return mean_of_sums(len(losses), math.fsum(losses), math.fsum(losses**2))


def brier(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Interval | None:
    """Return the Brier score (Monthly Weather Review 78:1, 1950) with its interval; None below two patients.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(probabilities, labels)
    errors = (scores - outcomes) ** 2
    return mean_of_sums(len(errors), math.fsum(errors), math.fsum(errors**2))


def mean_of_sums(n: int, total: float, squares: float) -> Interval | None:
    """Return the mean +- 1.96 standard errors of a figure that is never negative.

    Args:
        n: patients.
        total: sum over them.
        squares: sum of squares over them.

    Returns:
        None with fewer than two patients: one says nothing about the spread.
    """
    if n < 2:
        return None
    # Rounding can leave the variance of a constant a hair below 0.
    variance = max(0.0, (squares - total**2 / n) / (n - 1))
    return Interval.normal(total / n, math.sqrt(variance / n), least=0.0)
