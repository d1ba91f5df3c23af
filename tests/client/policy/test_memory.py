"""What a site remembers of a run: statistics stay, steps are counted, a run may begin again."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.policy.memory import (
    MOST_OPENINGS,
    MOST_RUNS,
    MOST_STEPS,
    MOST_TEST_SCORES,
    RunMemory,
)
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import EvaluateRequest, LogisticRequest, StatisticsRequest, TrainRequest


def asked(kind, mean=0.0, **fields):
    statistics = ClinicalStatistics(names=("x",), means=(mean,), deviations=(1.0,), counts=(9,))
    known = {} if kind is StatisticsRequest else {"statistics": statistics}
    terms = {"run": "r", "fingerprint": "0" * 64, "configuration": SiteConfiguration()}
    return kind(**{**terms, **known, **fields})


def test_the_statistics_of_a_run_stay_until_it_begins_again():
    memory = RunMemory()
    memory.admit(asked(StatisticsRequest))
    memory.admit(asked(LogisticRequest, coefficients=(0.0,)))
    memory.admit(asked(TrainRequest))
    with pytest.raises(FedchemoError, match="FC915"):
        memory.admit(asked(TrainRequest, mean=1.0))
    memory.admit(asked(TrainRequest, mean=1.0, run="another"))
    memory.admit(asked(StatisticsRequest))
    memory.admit(asked(TrainRequest, mean=1.0))
    with pytest.raises(FedchemoError, match="FC915"):
        memory.admit(asked(TrainRequest))


def test_a_run_cannot_begin_with_other_statistics_for_ever():
    memory = RunMemory()
    for number in range(MOST_OPENINGS):
        memory.admit(asked(StatisticsRequest))
        memory.admit(asked(TrainRequest, mean=float(number)))
    memory.admit(asked(StatisticsRequest))
    with pytest.raises(FedchemoError, match="FC915"):
        memory.admit(asked(TrainRequest, mean=99.0))


def test_the_very_same_run_may_be_run_as_often_as_one_likes():
    memory = RunMemory()
    for _ in range(50):
        memory.admit(asked(StatisticsRequest))
        for step in range(8):
            memory.admit(asked(LogisticRequest, coefficients=(float(step),)))
        memory.admit(asked(TrainRequest))


def test_steps_are_counted_in_an_opening_and_in_all():
    memory = RunMemory()
    for opening in range(MOST_OPENINGS):
        memory.admit(asked(StatisticsRequest))
        for step in range(MOST_STEPS):
            memory.admit(asked(LogisticRequest, coefficients=(float(opening), float(step))))
        with pytest.raises(FedchemoError, match="FC914"):
            memory.admit(asked(LogisticRequest, coefficients=(float(opening), 99.0)))
    memory.admit(asked(StatisticsRequest))
    with pytest.raises(FedchemoError, match="FC914"):
        memory.admit(asked(LogisticRequest, coefficients=(99.0, 0.0)))


def test_models_scored_on_test_patients_are_counted_in_an_opening_and_in_all():
    memory = RunMemory()

    def score(number, split="test"):
        request = asked(EvaluateRequest, split=split)
        memory.admit(request)
        memory.admit_scores(request, np.full(3, number, dtype=np.float32))

    for opening in range(MOST_OPENINGS):
        memory.admit(asked(StatisticsRequest))
        for number in range(MOST_TEST_SCORES):
            score(100 * opening + number)
        score(100 * opening)
        score(99, split="validation")
        with pytest.raises(FedchemoError, match="FC721"):
            score(99)
    memory.admit(asked(StatisticsRequest))
    score(0)
    with pytest.raises(FedchemoError, match="FC721"):
        score(999)


def test_ever_new_runs_do_not_fill_the_memory():
    memory = RunMemory()
    for number in range(MOST_RUNS + 5):
        memory.admit(asked(StatisticsRequest, run=f"run {number}"))
    assert len(memory._runs) == MOST_RUNS
