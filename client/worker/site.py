"""The site as the app asks it: each question goes to the worker process, each approval is asked for here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from fedchemo.client.policy import Policy
from fedchemo.client.policy.memory import RunMemory
from fedchemo.client.site import Approve, Notice
from fedchemo.client.worker.frames import Question
from fedchemo.client.worker.process import WorkerProcess
from fedchemo.shared.configuration import Settings, parse
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

Reply = TypeVar("Reply", bound=Settings)


@dataclass
class WorkerSite:
    """One site whose participant lives in a worker process; every method raises as `WorkerProcess.ask`.

    Args:
        name: the site's.
        policy: what may leave.
        process: where the participant lives.
        notice: told what the site does.
        approve: asked whether a person lets a request's run go on.
    """

    name: str
    policy: Policy
    process: WorkerProcess
    notice: Notice
    approve: Approve
    # Here and not in the process only: who can make that one die must not be able to ask everything anew.
    _memory: RunMemory = field(default_factory=RunMemory, repr=False)

    def statistics(self, request: StatisticsRequest) -> StatisticsReply:
        """Return counts and sums of the clinical variables."""
        return self._ask(StatisticsReply, request, Question(kind="statistics", request=_text(request)))[0]

    def logistic(self, request: LogisticRequest) -> LogisticReply:
        """Return the sums of one Newton step."""
        return self._ask(LogisticReply, request, Question(kind="logistic", request=_text(request)))[0]

    def train(
        self,
        request: TrainRequest,
        weights: Weights,
        *,
        proximal_mu: float = 0.0,
        parts: int = 1,
    ) -> tuple[TrainReply, Weights]:
        """Train from the weights received and return the update."""
        question = Question(kind="train", request=_text(request), proximal_mu=proximal_mu, parts=parts)
        reply, update = self._ask(TrainReply, request, question, weights)
        assert update is not None
        return reply, update

    def evaluate(self, request: EvaluateRequest, weights: Weights, *, parts: int = 1) -> EvaluateReply:
        """Score the weights received."""
        question = Question(kind="evaluate", request=_text(request), parts=parts)
        return self._ask(EvaluateReply, request, question, weights)[0]

    def personal(self, request: PersonalRequest, weights: Weights, *, parts: int = 1) -> PersonalReply:
        """Make and score the model of its own that a run leaves this site."""
        question = Question(kind="personal", request=_text(request), parts=parts)
        return self._ask(PersonalReply, request, question, weights)[0]

    def _ask(
        self, kind: type[Reply], request: Request, question: Question, *vectors: Weights
    ) -> tuple[Reply, Weights | None]:
        def approve() -> None:
            self.approve(request)
            self._memory.admit(request)
            if isinstance(request, EvaluateRequest):
                self._memory.admit_scores(request, vectors[0])

        text, update = self.process.ask(question, vectors, approve=approve)
        return parse(kind, text, source="the worker process", code="FC630"), update


def _text(request: Request) -> str:
    return request.model_dump_json()
