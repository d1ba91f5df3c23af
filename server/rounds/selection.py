"""Which round's model is the result."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fedchemo.shared.metrics.summary import ScoreSums

Scores = Mapping[int, Mapping[str, ScoreSums]]
"""Model (the number of rounds behind it) -> site -> its validation scores; a site that withholds is absent."""


def summed_log_loss(scores: Mapping[str, ScoreSums]) -> float:
    """Return the log-loss summed over all validation patients, the same in any order."""
    return math.fsum(site.loss_sum for site in scores.values())


def best_round(scores: Scores, *, last: int) -> int:
    """Return the round with the least summed log-loss among those scored by the sites that scored the last one.

    Rounds scored by other sites cannot be compared: their patients differ. Without scores the last round is
    the result; between equals the earlier one is.
    """
    judges = set(scores.get(last, {}))
    if not judges:
        return last
    comparable = [number for number in scores if 1 <= number <= last and set(scores[number]) == judges]
    return min(comparable, key=lambda number: (summed_log_loss(scores[number]), number))
