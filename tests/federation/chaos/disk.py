"""A disk of a few megabytes that a fault may fill, and that is unmounted at the end."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

BALLAST = "ballast"


class Disk:
    """A file system of its own.

    Args:
        path: where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room for another byte."""
        handle = os.open(self.path / BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 4096, 1):
                with contextlib.suppress(OSError):
                    while os.write(handle, bytes(size)):
                        pass
        finally:
            os.close(handle)
        assert os.statvfs(self.path).f_bavail == 0, "the disk is full"

    def clear(self) -> None:
        """Make room again."""
        (self.path / BALLAST).unlink(missing_ok=True)


@contextlib.contextmanager
def mounted(path: Path, *, megabytes: int) -> Iterator[Disk]:
    """Mount a disk while the context lasts; where nothing may be mounted, the folder is an ordinary one."""
    path.mkdir(parents=True)
    if not may_mount():
        yield Disk(path)
        return
    _mount(path, megabytes)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@functools.cache
def may_mount() -> bool:
    """Tell whether this user may mount a file system here; most containers allow it to nobody."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder), 1)
        except OSError:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def _mount(path: Path, megabytes: int) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], capture_output=True, check=False
    )
    if done.returncode:
        raise OSError(errno.EPERM, done.stderr.decode())
