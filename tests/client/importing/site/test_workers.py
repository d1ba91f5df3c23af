"""Processes side by side: all results come, a process that dies costs one task, and what it prints is not seen."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedchemo.client.importing.site.workers import Died, Workers


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Other processes import this module by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[4]))


def double(number):
    if number == 3:
        os.kill(os.getpid(), 9)
    sys.stderr.write(f"the name is {number}\n")
    ctypes.CDLL(None).puts(b"printed by a library")
    return 2 * number


@dataclass(frozen=True)
class Job:
    folder: str
    number: int


def leave_a_mark(job):
    path = f"{job.folder}/{job.number}"
    with open(path, "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    if job.number == 0:
        time.sleep(600)
    return job.number


@pytest.mark.parametrize("count", [1, 2])
def test_a_process_that_dies_costs_its_task_alone(count, capfd):
    found = dict(Workers(double, count=count).run(range(8)))
    assert isinstance(found.pop(3), Died)
    assert found == {number: 2 * number for number in (0, 1, 2, 4, 5, 6, 7)}
    out, err = capfd.readouterr()
    assert "the name is" not in out + err
    assert "printed by a library" not in out + err


def test_in_this_process(monkeypatch):
    assert dict(Workers(abs, count=0).run([-1, 2])) == {-1: 1, 2: 2}


def test_whoever_stops_looking_ends_the_processes(tmp_path):
    results = Workers(leave_a_mark, count=2).run([Job(str(tmp_path), number) for number in range(4)])
    assert next(results)[1] != 0
    deadline = time.monotonic() + 20
    while not (tmp_path / "0").exists() or not (tmp_path / "0").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())
    sleeper = int((tmp_path / "0").read_text())
    while _runs(sleeper):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
