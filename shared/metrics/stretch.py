"""A stretch of the log-odds after which scores fill the bins of a histogram, and the way back.

Bins of equal width on probability tell little apart where scores huddle. Divided by their spread around their mean,
log-odds fill the bins about evenly, and no order changes: the ranking of the stretched model is that of the model. The
histogram of a first exchange is all that is needed to choose the stretch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.scores import Vector

EVEN = 1.7
"""With this scale a logistic curve differs least from the normal distribution function (Haley 1952), so that normally
distributed log-odds fill the bins evenly."""
MOST = 100.0
"""Largest factor: scores that are all the same have no order to be shown."""


@dataclass(frozen=True)
class Stretch:
    """Log-odds -> factor x (log-odds - location)."""

    location: float
    factor: float

    @classmethod
    def of(cls, pooled: ScoreHistogram) -> Stretch | None:
        """Return the stretch that suits the patients of a histogram; None without patients."""
        counts = pooled.positives + pooled.negatives
        patients = int(counts.sum())
        if not patients:
            return None
        logits = _logits(pooled.centres)
        location = float(counts @ logits) / patients
        # The bins hide up to a bin's width of spread, which matters where all scores are in one or two.
        spread = math.sqrt(float(counts @ (logits - location) ** 2) / patients)
        return cls(location, min(MOST, EVEN / spread) if spread else MOST)

    def __call__(self, probabilities: npt.ArrayLike) -> Vector:
        """Return stretched probabilities, (n,)."""
        return _probabilities(
            self.factor * (_logits(np.asarray(probabilities, dtype=np.float64)) - self.location)
        )

    def back(self, stretched: npt.ArrayLike) -> Vector:
        """Return the probabilities that become these, (n,)."""
        return _probabilities(_logits(np.asarray(stretched, dtype=np.float64)) / self.factor + self.location)


def _logits(probabilities: Vector) -> Vector:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probabilities) - np.log1p(-probabilities))


def _probabilities(logits: Vector) -> Vector:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))
