"""What a site remembers of a run while its client runs: the statistics that it stands on, and what was asked.

An honest run fixes its statistics once and asks for six to eight steps of the clinical model. A coordinator who may
change the one, or ask for the other without end, can take the sums apart patient by patient. The same question asked
again is no new one: it has the same answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from fedchemo.client.approvals.proposal import Proposal
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    LogisticRequest,
    PersonalRequest,
    Request,
    StatisticsRequest,
    TrainRequest,
)

MOST_STEPS = 30
"""Different steps of the clinical model that an opening may ask for: what the coordinator's fit takes at most."""
MOST_OPENINGS = 4
"""A run may begin anew, its coordinator having been killed, with other statistics if other sites are online."""
MOST_RUNS = 1000
"""Runs remembered: ever new names must not fill the memory."""


@dataclass
class _Run:
    statistics: ClinicalStatistics | None = None
    begins: bool = False
    adopted: int = 0
    steps: int = 0
    asked: set[tuple[ClinicalStatistics, tuple[float, ...]]] = field(default_factory=set)


class RunMemory:
    """Remembers each run by all that a person approves of it; gone when the client ends, not with a worker process."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, request: Request) -> None:
        """Refuse a request that does not go on from what its run asked before; else remember it.

        Raises:
            FedchemoError: FC915 if the run's statistics have changed, FC914 if it asks for too many steps of the
                clinical model.
        """
        with self._lock:
            run = self._of(request)
            if isinstance(request, StatisticsRequest):
                run.begins = True
            elif isinstance(request, (LogisticRequest, TrainRequest, EvaluateRequest, PersonalRequest)):
                self._admit_statistics(run, request.statistics)
                if isinstance(request, LogisticRequest):
                    self._admit_step(run, request)

    def _of(self, request: Request) -> _Run:
        identity = Proposal.of(request).identity
        run = self._runs.setdefault(identity, _Run())
        self._runs.move_to_end(identity)
        if len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)
        return run

    @staticmethod
    def _admit_statistics(run: _Run, statistics: ClinicalStatistics) -> None:
        if statistics != run.statistics:
            if run.statistics is not None and not run.begins:
                raise FedchemoError("FC915", "the run's statistics are not those that it began with")
            if run.adopted >= MOST_OPENINGS:
                raise FedchemoError(
                    "FC915", f"the run began with other statistics {MOST_OPENINGS} times before"
                )
            run.statistics, run.adopted = statistics, run.adopted + 1
        if run.begins:
            run.begins, run.steps = False, 0

    @staticmethod
    def _admit_step(run: _Run, request: LogisticRequest) -> None:
        question = (request.statistics, request.coefficients)
        if question in run.asked:
            return
        if run.steps >= MOST_STEPS or len(run.asked) >= MOST_OPENINGS * MOST_STEPS:
            raise FedchemoError(
                "FC914", f"{len(run.asked)} steps of the clinical model were asked for already"
            )
        run.steps += 1
        run.asked.add(question)
