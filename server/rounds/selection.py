"""Which round's model is the result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from fedchemo.shared.configuration import Settings
from fedchemo.shared.metrics.summary import ScoreSums

MOST_GROUPS = 8
"""Groups of judges that are remembered: each costs a checkpoint on disk, and sites that come and go make many."""


class Candidate(Settings):
    """The best round so far of those that the same sites scored."""

    round: Annotated[int, Field(ge=1)]
    log_loss: float
    """Summed over their validation patients."""
    judges: tuple[str, ...]
    """Those sites, sorted."""


class Selection:
    """Remembers the best round of each group of sites that scored the same rounds; a run's history adds nothing to it.

    Rounds scored by other sites cannot be compared: their patients differ. A site that withholds its scores is none
    of the judges.

    Args:
        candidates: what an earlier `Selection` held.
    """

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates = {candidate.judges: candidate for candidate in candidates}

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The best round of each group, the group that judged last at the end."""
        return tuple(self._candidates.values())

    def note(self, number: int, scores: Mapping[str, ScoreSums]) -> int:
        """Take the scores of one round's model and return the best round among those that its judges scored.

        Without scores the last round is the best; between equals the earlier one is.

        Args:
            number: rounds behind the model; 0 is the clinical model, which is no round.
            scores: by site.
        """
        if not number or not scores:
            return number
        judges, loss = tuple(sorted(scores)), summed_log_loss(scores)
        before = self._candidates.pop(judges, None)
        if before is None or loss < before.log_loss:
            before = Candidate(round=number, log_loss=loss, judges=judges)
        self._candidates[judges] = before
        if len(self._candidates) > MOST_GROUPS:
            del self._candidates[next(iter(self._candidates))]
        return before.round


def summed_log_loss(scores: Mapping[str, ScoreSums]) -> float:
    """Return the log-loss summed over all validation patients, the same in any order."""
    return math.fsum(site.loss_sum for site in scores.values())
