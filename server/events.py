"""What happens in a run, one JSON object an event: the screen, the summary and the report all read it."""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

Event = Mapping[str, object]
Listener = Callable[[Event], None]


class EventLog:
    """Appends events to ``events.jsonl`` and tells the listeners; may be used from several threads.

    The thread that made it is the run's. When an event of another thread cannot be written, the run's next event is
    the one that fails: nobody else could end the run, and a run must not go on that nobody can account for.

    Raises:
        FedchemoError: FC004 if the file cannot be opened.
    """

    def __init__(self, path: Path | None = None, *listeners: Listener) -> None:
        self._path = path
        try:
            # Unbuffered: what is written is in the file when `emit` returns, and nothing is left over if it fails.
            self._file = path.open("ab", buffering=0) if path else None
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
        self._listeners = listeners
        self._lock = threading.Lock()
        self._runs = threading.get_ident()
        self._failure: FedchemoError | None = None

    def emit(self, name: str, /, **details: object) -> None:
        """Record one event; ``details`` must be JSON-able.

        Raises:
            FedchemoError: FC004 in the run's thread, if this event or one of another thread cannot be written; later
                events reach the listeners only.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        event: Event = {"time": now, "event": name, **details}
        with self._lock:
            self._write(json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            if self._failure and threading.get_ident() == self._runs:
                failure, self._failure = self._failure, None
                raise failure
            for listener in self._listeners:
                listener(event)

    def close(self) -> None:
        """Close the file; later events reach the listeners only."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            return
        before = self._file.tell()
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            with contextlib.suppress(OSError):  # no half line, if the disk still lets us
                self._file.truncate(before)
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()
            self._failure = FedchemoError("FC004", f"{self._path}: {error.strerror}")
