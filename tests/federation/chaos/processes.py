"""What runs below a process, and how much memory it takes that nobody shares with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path


def below(pid: int) -> dict[int, str]:
    """Return everything alive below a process: process id -> command line."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found: dict[int, str] = {}
    for one in parents:
        above = one
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and one != pid:
            with contextlib.suppress(OSError):
                found[one] = Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ")
    return found


def private_megabytes(pids: Iterable[int]) -> float:
    """Return the memory that only these processes use (MB): what they share with the forge is not theirs."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return total / 1000
