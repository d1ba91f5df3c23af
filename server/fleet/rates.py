"""How often somebody may ask: token buckets, so that short bursts pass and a flood does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST_CALLERS = 10_000
"""Callers remembered; beyond this, those whose bucket is full again are forgotten."""


@dataclass(frozen=True)
class Rate:
    """Requests a second in the long run, and how many at once."""

    per_s: float
    burst: float


class Buckets:
    """A bucket of tokens for each caller; safe from any thread.

    Args:
        rate: how fast a bucket fills, and how much it holds.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: dict[Hashable, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: Hashable) -> bool:
        """Take a token; return whether there was one."""
        with self._lock:
            now = self._clock()
            left = self._tokens(caller, now)
            if len(self._left) > MOST_CALLERS:
                self._forget(now)
            self._left[caller] = (left - 1 if left >= 1 else left), now
            return left >= 1

    def empty(self, caller: Hashable) -> bool:
        """Return whether the next `take` would fail."""
        with self._lock:
            return self._tokens(caller, self._clock()) < 1

    def _tokens(self, caller: Hashable, now: float) -> float:
        left, since = self._left.get(caller, (self._rate.burst, now))
        return min(self._rate.burst, left + (now - since) * self._rate.per_s)

    def _forget(self, now: float) -> None:
        for caller in [caller for caller in self._left if self._tokens(caller, now) >= self._rate.burst]:
            del self._left[caller]
