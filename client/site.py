"""What answers a coordinator's requests: the participant itself, or the process that holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from fedchemo.client.policy import Policy
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    EvaluateRequest,
    LogisticReply,
    LogisticRequest,
    PersonalReply,
    PersonalRequest,
    Request,
    StatisticsReply,
    StatisticsRequest,
    TrainReply,
    TrainRequest,
)

if TYPE_CHECKING:
    from fedchemo.shared.wire.records import Weights

Notice = Callable[[str, Mapping[str, object]], None]
"""Told what a site does, for its own screen and log: never sent anywhere."""
Approve = Callable[[Request], None]
"""Returns if a person lets the run of a request go on; raises FC904 or FC905 if not."""

LONG_WORK = frozenset({"images", "training"})
"""Told after each patient's images and each batch: where work that may take hours can be given up."""


class Site(Protocol):
    """One site, as the app asks it; `fedchemo.client.participant.Participant` says what each answer is."""

    @property
    def name(self) -> str:
        """The site's name."""
        ...

    @property
    def policy(self) -> Policy:
        """What is allowed, and what may leave."""
        ...

    @property
    def notice(self) -> Notice:
        """Told what the site does."""
        ...

    def statistics(self, request: StatisticsRequest, /) -> StatisticsReply:
        """Return counts and sums of the clinical variables."""
        ...

    def logistic(self, request: LogisticRequest, /) -> LogisticReply:
        """Return the sums of one Newton step."""
        ...

    def train(
        self,
        request: TrainRequest,
        weights: Weights,
        /,
        *,
        proximal_mu: float = 0.0,
        parts: int = 1,
    ) -> tuple[TrainReply, Weights]:
        """Train from the weights received and return the update."""
        ...

    def evaluate(self, request: EvaluateRequest, weights: Weights, /, *, parts: int = 1) -> EvaluateReply:
        """Score the weights received."""
        ...

    def personal(self, request: PersonalRequest, weights: Weights, /, *, parts: int = 1) -> PersonalReply:
        """Make and score the model of its own that a run leaves this site."""
        ...
