"""The end of a run is acknowledged if something of the run was asked before, and once."""

from __future__ import annotations

import pytest

from fedchemo.client.runs import MOST_RUNS, Runs
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import FinishRequest, StatisticsRequest

CONFIGURATION = SiteConfiguration()


def asked(run: str, **changes: str) -> StatisticsRequest:
    fields = {"fingerprint": "0" * 64, "configuration": CONFIGURATION, **changes}
    return StatisticsRequest.model_validate({"run": run, **fields})


def end_of(run: str, outcome: str = "completed") -> FinishRequest:
    fields = {"fingerprint": "0" * 64, "configuration": CONFIGURATION}
    return FinishRequest.model_validate({"run": run, "outcome": outcome, **fields})


def test_a_run_ends_once_and_again_when_it_was_taken_up_again():
    runs = Runs()
    runs.note(asked("a"))
    runs.note(asked("a"))
    runs.end(end_of("a"))
    with pytest.raises(FedchemoError, match="FC919"):
        runs.end(end_of("a", "stopped"))
    runs.note(asked("a"))
    runs.end(end_of("a"))


def test_another_run_of_the_same_name_is_another_run():
    runs = Runs()
    runs.note(asked("a", fingerprint="1" * 64))
    with pytest.raises(FedchemoError, match="FC919"):
        runs.end(end_of("a"))


def test_ever_new_runs_push_the_oldest_out():
    runs = Runs()
    for number in range(MOST_RUNS + 1):
        runs.note(asked(str(number)))
    with pytest.raises(FedchemoError, match="FC919"):
        runs.end(end_of("0"))
    runs.end(end_of("1"))
    assert len(runs._going_on) == MOST_RUNS - 1
