"""Processes under measurement end with the benchmark, and so do their children."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.benchmarks.processes import started, until

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads /proc")
def test_an_interrupt_ends_a_process_and_its_child(tmp_path):
    log = tmp_path / "log"
    with contextlib.suppress(KeyboardInterrupt), started([sys.executable, "-c", PARENT], log=log) as process:
        child = int(until(log.read_text, seconds=20, what="a child"))
        assert runs(process.pid)
        assert runs(child)
        raise KeyboardInterrupt
    assert not runs(process.pid)
    until(lambda: not runs(child), seconds=10, what="the child has ended")


def test_waiting_has_an_end():
    with pytest.raises(FedchemoError, match="FC765"):
        until(lambda: False, seconds=0.05, what="never")
