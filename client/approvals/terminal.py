"""Reads a person's answers at a terminal, one line at a time, without keeping anybody waiting."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Literal

YES, NO = frozenset({"y", "yes"}), frozenset({"n", "no"})


class Terminal:
    """The keyboard. A thread of its own reads it, so that the client can stop, or hear another answer, meanwhile."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    @staticmethod
    def is_there() -> bool:
        """Tell whether a person can be asked here."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()

    def clear(self) -> None:
        """Forget what was typed before the question."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
            self._reader.start()
        while not self._lines.empty():
            self._lines.get()

    def answer(self, *, seconds: float) -> Literal["yes", "no", "unclear"] | None:
        """Return what was typed within some seconds, or None."""
        try:
            typed = self._lines.get(timeout=seconds).strip().lower()
        except queue.Empty:
            return None
        return "yes" if typed in YES else "no" if typed in NO else "unclear"

    def _read(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
