"""When silence is a hang: time without progress, by what steps took before."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES_THE_LONGEST = 10
"""A site whose images take minutes each has slow steps, and is not hung in one that takes minutes more."""
MOST_AT_ONCE_S = 2.0
"""A pause of this process itself (a lid closed, Ctrl-Z) is no silence of the other one."""


class Watch:
    """Counts the seconds since the last sign of progress, as far as this process was awake.

    Args:
        limit_s: seconds without progress that are a hang; 0 is never. Ten times the longest step seen is none yet.
        clock: seconds that only go up.
    """

    def __init__(self, limit_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit_s, clock
        self._longest = self._silent = 0.0
        self._last = clock()

    @property
    def limit_s(self) -> float:
        """Seconds of silence from which on it is a hang."""
        return max(self._limit, TIMES_THE_LONGEST * self._longest)

    @property
    def silent_s(self) -> float:
        """Seconds since the last sign of progress."""
        return self._silent

    def begin(self) -> None:
        """Count from here: what was before was no work."""
        self._silent, self._last = 0.0, self._clock()

    def progress(self) -> None:
        """Note a sign of progress."""
        self.tick()
        self._longest, self._silent = max(self._longest, self._silent), 0.0

    def tick(self) -> bool:
        """Count the time since the last call; return whether it is a hang."""
        now = self._clock()
        self._silent += min(now - self._last, MOST_AT_ONCE_S)
        self._last = now
        return bool(self._limit) and self._silent > self.limit_s
