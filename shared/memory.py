"""Keep freed memory in the process, where the C library allows it.

A round allocates and frees arrays of the model's size again and again. By default the C library returns each of
them to the system, and the next one costs a page fault every 4 KB: for a model of 100 MB more time than all that
is computed on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

# From glibc's malloc.h: the parameters of mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
NEVER = -1


def keep_freed_memory() -> None:
    """Tell glibc to serve every size from one heap that does not shrink; elsewhere do nothing."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)
        # Other arenas are cut into heaps of 64 MB, too small for what a thread allocates here.
        libc.mallopt(M_ARENA_MAX, 1)
