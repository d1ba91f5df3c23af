"""Why a worker process ended, and how long to wait before the next one."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

LONGEST_WAIT_S = 300.0
LONGEST_HELD_S = 30.0
"""A request waits so long for the next process at most; beyond it, it is answered at once."""


def killed_for_memory() -> int | None:
    """Return how many processes the kernel has ended for want of memory since the machine started, if it tells."""
    try:
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    except (OSError, ValueError):
        pass
    return None


class Deaths:
    """Counts the worker processes that died one after the other, without an answer in between."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._next = 0.0
        self._killed = killed_for_memory()

    def explain(self, exit_code: int | None) -> FedchemoError:
        """Return the error for a process that ended by itself.

        Args:
            exit_code: its exit status, negative for a signal.
        """
        before, self._killed = self._killed, killed_for_memory()
        if exit_code == -signal.SIGKILL and (before is None or self._killed != before):
            return FedchemoError("FC632", "the system ended the worker process, as it does without memory")
        if exit_code is None or exit_code >= 0:
            return FedchemoError("FC630", f"the worker process ended with status {exit_code}")
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = str(-exit_code)
        return FedchemoError("FC630", f"the worker process was ended by the signal {name}")

    def note(self) -> None:
        """Count a death: the first is made good at once, later ones after 1, 2, 4 seconds and so on."""
        wait = min(2.0 ** (self._in_a_row - 1), LONGEST_WAIT_S) if self._in_a_row else 0.0
        self._in_a_row += 1
        self._next = time.monotonic() + wait

    def forget(self) -> None:
        """Begin to count anew: a request was answered."""
        self._in_a_row = 0

    def wait_s(self) -> float:
        """Return how long to wait before the next process is started.

        Raises:
            FedchemoError: FC633 if a request should not wait so long.
        """
        left = max(0.0, self._next - time.monotonic())
        if left > LONGEST_HELD_S:
            raise FedchemoError(
                "FC633",
                f"the worker process died {self._in_a_row} times in a row; it is started again in {left:.0f} s",
            )
        return left
