"""What each party's memory does in the course of time."""

from __future__ import annotations

import statistics
import time

from tests.federation.chaos.consortium import Consortium

WARM_S = 120.0
"""Until then everything that is loaded late has been loaded."""
LEAST = 10
"""Samples without which there is no trend."""


class Memory:
    """Samples what each party uses.

    Args:
        parties: whose.
    """

    def __init__(self, parties: Consortium) -> None:
        self._parties, self._began = parties, time.monotonic()
        self.samples: dict[str, list[tuple[float, float]]] = {}
        """Name -> seconds since the beginning, and megabytes."""

    def look(self) -> None:
        """Take a sample of every party that runs."""
        at = round(time.monotonic() - self._began, 1)
        for machine in self._parties.machines:
            if megabytes := machine.megabytes():
                self.samples.setdefault(machine.name, []).append((at, round(megabytes, 1)))

    def trend(self, name: str) -> dict[str, float]:
        """Return the medians of the first and of the last tenth (MB), and the slope after warming up (MB an hour)."""
        found = self.samples[name]
        tenth = max(1, len(found) // 10)
        first, last = (statistics.median(mb for _, mb in part) for part in (found[:tenth], found[-tenth:]))
        warm = [(at, mb) for at, mb in found if at > min(WARM_S, found[-1][0] / 3)]
        slope = statistics.linear_regression(*zip(*warm, strict=True)).slope if len(warm) >= LEAST else 0.0
        return {"first": round(first, 1), "last": round(last, 1), "slope_per_hour": round(3600 * slope, 1)}
