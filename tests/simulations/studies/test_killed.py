"""A study whose process is killed leaves no worker behind, and goes on where it was to the same predictions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from fedchemo.simulations.studies.run import run_study
from fedchemo.simulations.studies.settings import Study

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from fedchemo.shared.command import main; main()"]
STUDY = Study.model_validate(
    {
        "name": "killed",
        "seeds": [0, 1, 2, 3],
        "data": {"patients": 60, "sites": 2, "minimum_patients": 10},
        "references": [],
        "run": {"rounds": 3, "site": {"imaging": {"enabled": False}}},
    }
)


def wait_for(condition, *, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def alive(pid):
    """Whether a process runs; one that is dead but that nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(tomli_w.dumps(STUDY.model_dump(mode="json", exclude_none=True)))
    return path


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_study_that_is_killed_goes_on_where_it_was(file, tmp_path):
    out = tmp_path / "out"
    options = [
        "study",
        "run",
        str(file),
        "--out",
        str(out),
        "--cache",
        str(tmp_path / "cache"),
        "--workers",
        "2",
    ]
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(lambda: list(out.glob("runs/*.parquet")) or process.poll() is not None)
            workers = children(process.pid)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert workers
    assert not (out / "predictions.parquet").exists()
    wait_for(lambda: not any(alive(worker) for worker in workers))
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*.parquet")}
    finished = run_study(STUDY, out, cache=tmp_path / "cache", workers=1)
    assert finished.kept == len(before) >= 1
    assert finished.done + finished.kept == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list(out.rglob("*.part"))
    whole = run_study(STUDY, tmp_path / "whole", cache=tmp_path / "cache", workers=1)
    pd.testing.assert_frame_equal(finished.predictions, whole.predictions)
