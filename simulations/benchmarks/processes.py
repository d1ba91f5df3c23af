"""Processes that are measured: started together, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from fedchemo.shared.errors import FedchemoError

Found = TypeVar("Found")
LOOK_S = 0.05


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(
    command: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    grace_s: float = 10.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own; at the end it and all its children get SIGTERM, then SIGKILL."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else subprocess.DEVNULL
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=grace_s)
            _signal(process, signal.SIGKILL)
            process.wait()
            if process.stdin:
                process.stdin.close()


def until(look: Callable[[], Found], *, seconds: float, what: str) -> Found:
    """Wait until a call returns something true, and return that.

    Raises:
        FedchemoError: FC765 when the seconds have passed.
    """
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise FedchemoError("FC765", f"not within {seconds:.0f} s: {what}")
        time.sleep(LOOK_S)
    return found


def processor_seconds() -> float:
    """Return the processor seconds of this process and, where Linux tells, of the processes that it has started."""
    spent = time.process_time()
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                # The name, in brackets, may hold spaces; user and system ticks are the 14th and 15th field.
                fields = Path("/proc", child, "stat").read_text().rpartition(")")[2].split()
                spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
