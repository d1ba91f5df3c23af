"""What happens in a run, one JSON object an event: the screen, the summary and the report all read it."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Event = Mapping[str, object]
Listener = Callable[[Event], None]


class EventLog:
    """Appends events to ``events.jsonl`` and tells the listeners; may be used from several threads."""

    def __init__(self, path: Path | None = None, *listeners: Listener) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None
        self._listeners = listeners
        self._lock = threading.Lock()

    def emit(self, name: str, /, **details: object) -> None:
        """Record one event; ``details`` must be JSON-able."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        event: Event = {"time": now, "event": name, **details}
        with self._lock:
            if self._file:
                self._file.write(json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n")
                self._file.flush()
            for listener in self._listeners:
                listener(event)

    def close(self) -> None:
        """Close the file; later events reach the listeners only."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None
