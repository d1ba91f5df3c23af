"""A listener that hands events to a tracker in a thread of its own.

A tracking server that is slow or away must cost a run neither time nor its life: what cannot be logged is not, and that
is said once at the end.
"""

from __future__ import annotations

import queue
import threading
from typing import Protocol

from fedchemo.server.events import Event
from fedchemo.server.tracking.measures import Measured, Measures, outcome, settings

PATIENCE_S = 60.0
"""How long the end of a run waits for what is still to be logged."""


class Tracker(Protocol):
    """Where numbers go."""

    def begin(self, about: dict[str, str]) -> None:
        """Begin a run."""

    def measure(self, found: Measured) -> None:
        """Log numbers of the run."""

    def end(self, how: str) -> None:
        """End the run: ``completed``, ``failed`` or ``stopped``."""


class Feed:
    """Takes events; closing it waits until they are logged."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._trouble = ""
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take one event; returns at once."""
        self._queue.put(event)

    def close(self, patience_s: float = PATIENCE_S) -> str:
        """Log what is left and return what went wrong, or nothing."""
        self._queue.put(None)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            return f"not all was logged within {patience_s:.0f} s"
        return self._trouble

    def _work(self) -> None:
        try:
            self._log_all()
        except Exception as error:  # noqa: BLE001 - whatever the other side does, the run goes on
            self._trouble = f"{type(error).__name__}: {error}"

    def _log_all(self) -> None:
        measures, begun = Measures(), False
        while (event := self._queue.get()) is not None:
            if (about := settings(event)) is not None and not begun:
                self._tracker.begin(about)
                begun = True
            found = measures(event)
            if not begun:
                continue  # what happens before a run begins belongs to none
            if found is not None:
                self._tracker.measure(found)
            if (how := outcome(event)) is not None:
                self._tracker.end(how)
                begun = False
        if begun:
            self._tracker.end("stopped")
