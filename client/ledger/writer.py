"""Appends to the ledger. A line is on the disk before what it tells of may leave."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedchemo.client.ledger.head import Head, write_head
from fedchemo.client.ledger.line import Line, digest
from fedchemo.client.ledger.verify import verify
from fedchemo.shared.errors import FedchemoError

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700


class Ledger:
    """An append-only file of lines that hold on to each other, and its head record.

    Both are checked when they are opened: no client goes on with a ledger that was changed. A last line that a
    crash cut short stays where it is, and a line after it says so.

    Args:
        path: the ledger.
        head: the head record, in another folder, so that who deletes the one does not delete the other.

    Raises:
        FedchemoError: FC940 if it cannot be opened or written, FC941 if it was changed.
    """

    def __init__(self, path: Path, head: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._broken = False
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            new = not path.exists() and not head.exists()
            self._head = os.open(head, os.O_RDWR | os.O_CREAT, PRIVATE)
            if new:
                write_head(self._head, Head())
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
            if new:
                _sync_folders(path.parent, head.parent)
        except OSError as error:
            raise FedchemoError("FC940", f"{error.filename or path}: {error.strerror}") from error
        found = verify(path, head)
        if found.problems:
            self.close()
            raise FedchemoError(
                "FC941", "\n".join([str(path), *(f"  {problem}" for problem in found.problems)])
            )
        self._end = Head(lines=found.lines, sha256=found.last)
        if found.tail or found.beyond:
            self._recover(found.tail, found.beyond)

    @property
    def end(self) -> Head:
        """How many lines there are, and the hash of the last."""
        return self._end

    @property
    def broken(self) -> bool:
        """Whether a line could not be written, or the ledger is closed."""
        return self._broken

    def append(self, event: str, **fields: Any) -> None:
        """Write one line; see `Line` for its fields."""
        self.extend([{"event": event, **fields}])

    def extend(self, entries: Sequence[dict[str, Any]]) -> None:
        """Write lines, in one go; when this returns, they are on the disk.

        Raises:
            FedchemoError: FC940 if they cannot be written. From then on every call fails: what could not be written
                down must not leave, and neither must anything after it.
        """
        with self._lock:
            self._write(entries, before=b"")

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            self._broken = True
            for name in ("_file", "_head"):
                handle = self.__dict__.pop(name, None)
                if handle is not None:
                    os.close(handle)

    def _recover(self, tail: bytes, beyond: int) -> None:
        told = []
        if tail:
            told.append("the line before was cut short by a crash and left as it is")
        if beyond:
            told.append(
                f"{beyond} lines were beyond the head record: a crash came between, or lines were added"
            )
        entry: dict[str, Any] = {"event": "recovered", "words": "; ".join(told)}
        if tail:
            entry |= {"size": len(tail), "sha256": digest(tail)}
        self._write([entry], before=b"\n" if tail else b"")

    def _write(self, entries: Sequence[dict[str, Any]], *, before: bytes) -> None:
        if self._broken:
            raise FedchemoError("FC940", f"{self.path} could not be written before, or is closed")
        now = dt.datetime.now(dt.UTC)
        end, content = self._end, bytearray(before)
        for entry in entries:
            raw = Line(number=end.lines + 1, time=now, previous=end.sha256, **entry).serialised()
            content += raw + b"\n"
            end = Head(lines=end.lines + 1, sha256=digest(raw))
        try:
            _write_all(self._file, content)
            os.fsync(self._file)
            write_head(self._head, end)
        except OSError as error:
            self._broken = True
            raise FedchemoError("FC940", f"{self.path}: {error.strerror}") from error
        self._end = end


def _write_all(handle: int, content: bytes | bytearray) -> None:
    """Write every byte; a disk that fills up takes a part first, and its next write fails."""
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _sync_folders(*folders: Path) -> None:
    """Make the names of new files last; where folders cannot be opened, the system sees to it."""
    if os.name == "nt":
        return
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
