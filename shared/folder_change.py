"""A change of several files in a folder: it takes effect whole or not at all, and one at a time.

All that shall be written is first put into a journal, one file that appears in one step. From then on the change is
decided: whoever opens the folder next carries it out to the end. So a crash leaves the old state or the new one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.private_file import PRIVATE_FOLDER, PUBLIC, SECRET

JOURNAL, LOCK = ".change", ".lock"
LONGEST_WAIT_S = 10.0
"""For another command that changes the folder; a change takes milliseconds."""


class FolderChange:
    """The files of one change; see `changing`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, tuple[bytes, int]] = {}
        self._removed: set[str] = set()

    def write(self, path: Path, content: bytes, *, mode: int = PUBLIC) -> None:
        """Let ``path`` in the folder have this content."""
        self._written[path.relative_to(self._folder).as_posix()] = content, mode

    def remove(self, path: Path) -> None:
        """Let ``path`` in the folder be gone; it need not be there."""
        self._removed.add(path.relative_to(self._folder).as_posix())

    def journal(self) -> bytes:
        """Return the change as the journal holds it."""
        written = {
            name: [base64.b64encode(content).decode(), mode]
            for name, (content, mode) in self._written.items()
        }
        return json.dumps({"write": written, "remove": sorted(self._removed)}).encode()


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[FolderChange]:
    """Hold the folder's lock, and carry out the change that the body has put together; an exception drops it.

    Raises:
        FedchemoError: FC515 if another command holds the lock, FC004 if the disk refuses, FC516 if an earlier change
            cannot be carried out.
    """
    with _locked(folder):
        _carry_out(folder)
        _sweep(folder)
        change = FolderChange(folder)
        yield change
        write_bytes(folder / JOURNAL, change.journal(), mode=SECRET)
        _sync(folder)
        _carry_out(folder)


def finish_change(folder: Path) -> None:
    """Carry out a change that was interrupted, or wait for the one in progress; mostly there is none.

    Raises:
        FedchemoError: FC515, FC516 if it cannot be carried out, FC004 if the folder cannot be looked into.
    """
    try:
        if not (folder / JOURNAL).exists():
            return
    except OSError as error:
        raise FedchemoError("FC004", f"{folder}: {error.strerror}") from error
    try:
        with _locked(folder):
            _carry_out(folder)
    except FedchemoError as error:
        if error.code == "FC004":
            raise FedchemoError("FC516", error.what) from error
        raise


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(folder / LOCK, mode=SECRET, thread_local=False)
    try:
        lock.acquire(timeout=LONGEST_WAIT_S, poll_interval=0.02)
    except filelock.Timeout:
        raise FedchemoError("FC515", str(folder)) from None
    except OSError as error:
        raise FedchemoError("FC004", f"{folder / LOCK}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _carry_out(folder: Path) -> None:
    """Do what the journal says, as often as need be: every step may be done again."""
    journal = folder / JOURNAL
    try:
        written, removed = _steps(journal.read_bytes())
    except FileNotFoundError:
        return
    except OSError as error:
        raise FedchemoError("FC004", f"{journal}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FedchemoError("FC516", f"{journal} is damaged") from None
    for name, (content, mode) in written.items():
        path = folder / name
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
        write_bytes(path, content, mode=mode)
    try:
        for name in removed:
            (folder / name).unlink(missing_ok=True)
        for parent in {(folder / name).parent for name in (*written, *removed)}:
            _sync(parent)
        journal.unlink()
    except OSError as error:
        raise FedchemoError("FC004", f"{folder}: {error.strerror}") from error
    _sync(folder)


def _steps(content: bytes) -> tuple[dict[str, tuple[bytes, int]], list[str]]:
    fields = json.loads(content)
    written = {
        name: (base64.b64decode(text, validate=True), int(mode))
        for name, (text, mode) in fields["write"].items()
    }
    for name in (*written, *fields["remove"]):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) > 2:
            msg = "a path that leads elsewhere"
            raise ValueError(msg)
    return written, list(fields["remove"])


def _sweep(folder: Path) -> None:
    """Remove drafts that a crash left; they may hold keys. A reader's drafts are younger than the lock's wait."""
    for draft in (*folder.glob(".*.part"), *folder.glob("*/.*.part")):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > LONGEST_WAIT_S:
                draft.unlink()


def _sync(folder: Path) -> None:
    """Make names durable; Windows has no such call."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some network shares refuse it
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
