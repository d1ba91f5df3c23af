"""Whole federations: site folders of a small synthetic cohort, and the real commands as processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Small enough for seconds, and still the real model with images.
SMALL = """
rounds = 3
[site.imaging]
grid = 16
spacing_mm = 4.0
[site.model]
widths = [4, 4, 8, 8]
norm_groups = 2
"""
COMMAND = [sys.executable, "-c", "from fedchemo.shared.command import main; main()"]


class Commands:
    """Runs ``fedchemo`` commands, to their end or in the background; nothing survives the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []
        self._environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "FEDCHEMO_CACHE": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def run(self, *arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and check its exit status."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: object, log: str) -> subprocess.Popen[str]:
        """Start a command in the background; its output goes to a file."""
        with (self.folder / log).open("w") as output:
            process = subprocess.Popen(
                [*COMMAND, *map(str, arguments)],
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen[str], *, log: str, within_s: float = 120) -> str:
        """Wait for a background command, check that it succeeded, and return its output."""
        try:
            status = process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{log} does not end:\n{(self.folder / log).read_text()}")
        told = (self.folder / log).read_text()
        assert status == 0, told
        return told

    def stop_all(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Commands that run in a folder of their own."""
    made = Commands(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    with contextlib.ExitStack() as stack:
        stack.callback(made.stop_all)
        yield made


@pytest.fixture
def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], *, within_s: float = 60, what: str = "") -> None:
    """Wait for a condition; fail at the deadline."""
    end = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"not within {within_s} s: {what}")
        time.sleep(0.02)
