"""The wall clock of each machine, which a fault may set: OpenSSL, libc and Python all see it."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
SECONDS = struct.Struct("=q")


def built(folder: Path) -> Path | None:
    """Return the library that every process loads first, or None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    made = folder / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, SOURCE, "-ldl"], check=True)
    return made


class Clock:
    """How many seconds a machine's clock is ahead; behind, if fewer than none.

    Args:
        path: the file that the machine's processes map.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(SECONDS.pack(0))
        with path.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), SECONDS.size)

    def set(self, ahead_s: int) -> None:
        self._mapped[:] = SECONDS.pack(ahead_s)
