"""Watches a run's events from outside, by a clock that no fault can set: how long did everyone wait?"""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any

Seen = list[tuple[float, dict[str, Any]]]
MARKS = {"begun", "exchange_ended", "run_ended"}


class Watch:
    """What has happened in the run that is followed, and when, in seconds of this process."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._read = 0
        self._seen: Seen = []
        self._before: Seen = []
        self._lock = threading.Lock()

    def follow(self, path: Path) -> None:
        """Begin with another run."""
        with self._lock:
            self._path, self._read = path, 0
            self._before, self._seen = self._seen, [(time.monotonic(), {"event": "begun"})]

    def look(self) -> None:
        """Read what is new."""
        with self._lock:
            if self._path is None or not self._path.exists():
                return
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._read:  # a coordinator that is resumed cuts off half a line
                    self._read = file.tell()
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read += len(line)
                    self._seen.append((time.monotonic(), json.loads(line)))

    @property
    def rounds(self) -> int:
        """Training exchanges of this run that have ended so far."""
        with self._lock:
            return sum(
                event["event"] == "exchange_ended" and event["kind"] == "train" for _, event in self._seen
            )

    def taking_part(self) -> list[str]:
        """Return the sites that the last round was begun with."""
        with self._lock:
            rounds = [event["sites"] for _, event in self._seen if event["event"] == "round_started"]
        return list(rounds[-1]) if rounds else []

    def lost(self, begin: float) -> list[str]:
        """Return which updates have not counted since a moment, in words."""
        with self._lock:
            return [
                f"{event['site']} in round {event['round']} ({event.get('code', 'silent')})"
                for at, event in self._before + self._seen
                if at > begin
                and event["event"] in {"site_failed", "site_silent"}
                and event["kind"] == "train"
            ]

    def advanced(self, begin: float) -> bool:
        """Tell whether an exchange that began after a moment has ended."""
        with self._lock:
            since = [event["event"] for at, event in self._seen if at > begin]
        return "exchange_ended" in itertools.dropwhile(lambda name: name != "exchange_started", since)

    def all_answered(self, sites: set[str], begin: float) -> bool:
        """Tell whether all these sites have answered in one training exchange that began after a moment."""
        with self._lock:
            since = [event for at, event in self._seen if at > begin and event.get("kind") == "train"]
        answered: set[str] | None = None
        for event in since:
            if event["event"] == "exchange_started":
                answered = set()
            if event["event"] == "site_answered" and answered is not None:
                answered.add(event["site"])
                if answered >= sites:
                    return True
        return False

    def longest_pause(self, begin: float, end: float) -> float:
        """Return the longest time without the end of an exchange that overlaps a stretch of time."""
        with self._lock:
            runs = [
                [at for at, event in seen if event["event"] in MARKS] for seen in (self._before, self._seen)
            ]
        pauses = [
            later - earlier
            for marks in runs
            for earlier, later in itertools.pairwise(marks)
            if later > begin and earlier < end
        ]
        return max(pauses, default=0.0)
