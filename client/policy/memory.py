"""What a site remembers of a run while its client runs: the statistics that it stands on, and what was asked.

An honest run fixes its statistics once, asks for six to eight steps of the clinical model, and at its end scores four
models on test patients: baseline and result, each as it is and stretched. A coordinator who may change the one, or ask
for the others without end, can take sums and histograms apart patient by patient. The same question asked again is no
new one: it has the same answer.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

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
from fedchemo.shared.wire.records import Weights

MOST_STEPS = 30
"""Different steps of the clinical model that an opening may ask for: what the coordinator's fit takes at most."""
MOST_TEST_SCORES = 8
"""Different models that an opening may have scored on test patients: twice what an honest run asks for."""
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
    tests: int = 0
    tested: set[bytes] = field(default_factory=set)


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

    def admit_scores(self, request: EvaluateRequest, weights: Weights) -> None:
        """Refuse to score ever more models on test patients; `admit` comes first.

        Raises:
            FedchemoError: FC721.
        """
        if request.split != "test":
            return
        question = hashlib.sha256(np.ascontiguousarray(weights).data).digest()
        with self._lock:
            run = self._of(request)
            if question in run.tested:
                return
            if run.tests >= MOST_TEST_SCORES or len(run.tested) >= MOST_OPENINGS * MOST_TEST_SCORES:
                raise FedchemoError(
                    "FC721", f"{len(run.tested)} models of this run were scored on test patients already"
                )
            run.tests += 1
            run.tested.add(question)

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
            run.begins, run.steps, run.tests = False, 0, 0

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
