"""Why a worker process ended, and how long the next one waits."""

from __future__ import annotations

import signal

import pytest

from fedchemo.client.worker import deaths
from fedchemo.client.worker.deaths import LONGEST_HELD_S, Deaths, killed_for_memory
from fedchemo.shared.errors import FedchemoError


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (3, "status 3"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (-signal.SIGKILL, "SIGKILL"),
        (None, "None"),
        (-99, "99"),
    ],
)
def test_an_end_is_told_in_words(monkeypatch, exit_code, words):
    monkeypatch.setattr(deaths, "killed_for_memory", lambda: 7)
    error = Deaths().explain(exit_code)
    assert error.code == "FC630"
    assert words in error.what


@pytest.mark.parametrize("counts", [(7, 8), (None, None)])
def test_the_kernel_says_that_it_was_memory_or_one_must_think_so(monkeypatch, counts):
    told = iter(counts)
    monkeypatch.setattr(deaths, "killed_for_memory", lambda: next(told))
    assert Deaths().explain(-signal.SIGKILL).code == "FC632"


def test_the_kernels_count_is_read_where_there_is_one(monkeypatch, tmp_path):
    def named(text):
        (tmp_path / "vmstat").write_text(text)
        monkeypatch.setattr(deaths, "Path", lambda _: tmp_path / "vmstat")
        return killed_for_memory()

    assert named("oom_kill 12\nother 3\n") == 12
    assert named("other 3\n") is None
    assert named("oom_kill x\n") is None


def test_the_first_death_is_made_good_at_once_and_later_ones_wait_longer_until_a_request_is_refused(
    monkeypatch,
):
    monkeypatch.setattr(deaths.time, "monotonic", lambda: 50.0)
    found, waits = Deaths(), []
    for _ in range(6):
        found.note()
        waits.append(found.wait_s())
    assert waits == [0, 1, 2, 4, 8, 16]
    for _ in range(10):
        found.note()
    with pytest.raises(FedchemoError, match=r"FC633.*16 times in a row"):
        found.wait_s()
    monkeypatch.setattr(deaths.time, "monotonic", lambda: 50.0 + deaths.LONGEST_WAIT_S - LONGEST_HELD_S)
    assert found.wait_s() == LONGEST_HELD_S
    found.forget()
    found.note()
    assert found.wait_s() == 0
