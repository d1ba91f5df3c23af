"""The state folder: who may look into it, and whether a client uses it now."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import filelock

from fedchemo.client.check.disk import nearest
from fedchemo.shared.findings import Finding, Part

PART = Part("state")


def check_state(state: Path) -> Iterator[Finding]:
    """Look at a state folder; nothing in it is made or changed."""
    if state.exists() and not state.is_dir():
        yield PART.fails("folder", f"{state} is a file", "Name a folder with --state.", code="FC004")
        return
    if not os.access(nearest(state), os.W_OK | os.X_OK):
        yield PART.fails(
            "folder",
            f"{nearest(state)} cannot be written by this user",
            "Give this user the permission, or name another folder with --state.",
            code="FC004",
        )
        return
    if not state.exists():
        yield PART.passes("folder", f"{state} will be made at the first start")
        return
    mode = stat.S_IMODE(state.stat().st_mode)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield PART.warns(
            "folder", f"{state} has mode {mode:04o}", f"`chmod 700 {state}`; the client does so itself."
        )
    else:
        yield PART.passes("folder", f"{state}, for this user only")
    yield _lock(state)


def _lock(state: Path) -> Finding:
    path = state / "lock"
    if path.exists():
        lock = filelock.FileLock(path, mode=0o600)
        try:
            lock.acquire(blocking=False)
            lock.release()
        except filelock.Timeout:
            return PART.passes("lock", "a client is running with this folder")
        except OSError as error:
            return PART.fails(
                "lock",
                f"{path}: {error.strerror}",
                "Give this user the permission to write it.",
                code="FC004",
            )
    return PART.passes("lock", "free: no client is running with this folder")
