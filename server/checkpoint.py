"""A checkpoint: all that the round loop needs to go on after a round as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from fedchemo.server.rounds.opening import Opening
from fedchemo.server.rounds.selection import Candidate
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import Settings
from fedchemo.shared.wire.messages import StatisticsReply
from fedchemo.shared.wire.records import Weights

FORMAT = 1
"""Version of the two files; another one is refused."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands after some of its rounds.

    Attributes:
        round: rounds that are done; 0 is the clinical model, before the first.
        weights: the global model, float32 (parameters,).
        strategy: what Flower's strategy remembers, of `fedchemo.server.rounds.strategy_state`.
        opening: roles and sizes of the sites and the federated statistics; the sites' sums are not kept.
        coefficients: of the clinical model, intercept last, from which and the seed the baseline follows.
        candidates: the best rounds so far.
        present: sites that took part in the last exchange; a resumed run waits for them.
        marks: why the run is not reproducible to the bit; mostly nothing.
        events: length of ``events.jsonl`` in bytes when it was written; what follows happened after it.
    """

    round: int
    weights: Weights
    strategy: Mapping[str, npt.NDArray[np.generic]]
    opening: Opening
    coefficients: tuple[float, ...]
    candidates: tuple[Candidate, ...] = ()
    present: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    events: int = field(default=0, compare=False)

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return what ``NNNN.safetensors`` holds."""
        kept = {f"strategy/{name}": array for name, array in self.strategy.items()}
        return {"weights": np.ascontiguousarray(self.weights), **kept}

    def described(self, *, run: str, tensors_sha256: str) -> Description:
        """Return what ``NNNN.json`` holds.

        Args:
            run: digest of the run's settings.
            tensors_sha256: of the file of tensors.
        """
        replies = {
            site: reply.model_copy(update={"moments": None})
            for site, reply in sorted(self.opening.replies.items())
        }
        return Description(
            format=FORMAT,
            round=self.round,
            run=run,
            tensors_sha256=tensors_sha256,
            events=self.events,
            statistics=self.opening.statistics,
            coefficients=self.coefficients,
            candidates=self.candidates,
            present=self.present,
            marks=self.marks,
            replies=replies,
        )


class Description(Settings):
    """``NNNN.json``, beside the hash of all of it."""

    format: int
    round: Count
    run: Sha256
    tensors_sha256: Sha256
    events: Count
    statistics: ClinicalStatistics
    coefficients: tuple[float, ...]
    candidates: tuple[Candidate, ...]
    present: tuple[str, ...]
    marks: tuple[str, ...]
    replies: dict[str, StatisticsReply]

    def checkpoint(self, tensors: Mapping[str, npt.NDArray[np.generic]]) -> Checkpoint:
        """Return the checkpoint of this description and its tensors.

        Raises:
            KeyError: if there are no weights.
        """
        strategy = {
            name.removeprefix("strategy/"): array for name, array in tensors.items() if name != "weights"
        }
        roles = {site: self.replies[site].role for site in sorted(self.replies)}
        return Checkpoint(
            round=self.round,
            weights=tensors["weights"].astype(np.float32, copy=False),
            strategy=strategy,
            opening=Opening(roles, self.statistics, dict(self.replies)),
            coefficients=self.coefficients,
            candidates=self.candidates,
            present=self.present,
            marks=self.marks,
            events=self.events,
        )
