"""Weights in memory that the client and its worker process both see: no pipe is as fast for 100 MB.

The memory has no name: nothing is left of it when both processes are gone, however they ended. It is none of
/dev/shm either, of which a container has 64 MB.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import tempfile
from collections.abc import Sequence
from multiprocessing import reduction
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]
ITEM = 4
"""Bytes of a float32."""


class SharedVectors:
    """Room for vectors one behind the other, made larger when they need it; it can be handed to a new process."""

    def __init__(self) -> None:
        self._handle = _unnamed()
        self._map: mmap.mmap | None = None

    def put(self, vectors: Sequence[Weights]) -> tuple[int, ...]:
        """Write vectors, and return how long each is; `views` of what was there before must not be used any more."""
        lengths = tuple(len(vector) for vector in vectors)
        for view, vector in zip(self.views(lengths), vectors, strict=True):
            view[:] = vector
        return lengths

    def views(self, lengths: Sequence[int]) -> list[Weights]:
        """Return vectors of these lengths as they lie in the shared memory, without a copy."""
        content = self._mapped(ITEM * sum(lengths))
        starts = np.cumsum([0, *lengths])
        return [
            np.frombuffer(content, np.float32, count=length, offset=ITEM * int(start))
            for start, length in zip(starts, lengths, strict=False)
        ]

    def copy(self, length: int) -> Weights:
        """Return a vector of the caller's own: what the other process does afterwards does not change it."""
        (view,) = self.views([length])
        return view.copy()

    def _mapped(self, size: int) -> mmap.mmap:
        if self._map is None or len(self._map) < size:
            if os.fstat(self._handle).st_size < size:
                os.ftruncate(self._handle, size)
            # The map before lives as long as somebody has a view of it.
            self._map = mmap.mmap(self._handle, max(size, mmap.PAGESIZE))
        return self._map

    def close(self) -> None:
        """Let go of the memory."""
        self._map = None
        os.close(self._handle)

    def __getstate__(self) -> dict[str, object]:
        return {"handle": reduction.DupFd(self._handle)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._handle, self._map = state["handle"].detach(), None


def _unnamed() -> int:
    """Return a descriptor of memory that can grow and, where the system has a seal for it, not shrink.

    A process whose map ends before it thought so dies of it; no worker can do this to its client.
    """
    if hasattr(os, "memfd_create"):  # Linux
        handle = os.memfd_create("fedchemo", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(handle, mmap.PAGESIZE)
        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return handle
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), mmap.PAGESIZE)
        return os.dup(file.fileno())
