"""Free space, against what the prepared images need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.findings import Finding, Part

PART = Part("disk")
RESERVE = 200 * 2**20
"""For ledger, model and temporary files."""


def check_disk(state: Path, examinations: int) -> Iterator[Finding]:
    """Compare free space with what is still to be prepared.

    Args:
        state: the state folder, which need not be there yet.
        examinations: that will be prepared, one a patient.
    """
    imaging = ImagingSettings()
    each = len(imaging.channels) * imaging.grid**3 * 2
    there = sum(file.stat().st_size for file in (state / "images").glob("*.npy"))
    needed = max(0, examinations * each - there)
    free = shutil.disk_usage(nearest(state)).free
    told = (
        f"{free / 2**30:.1f} GiB free at {nearest(state)}; {examinations} prepared images need "
        f"{needed / 2**20:.0f} MiB more"
    )
    remedy = "Free space, or put the state folder elsewhere with --state."
    if free < needed:
        yield PART.fails("space", told, remedy, code="FC004")
    elif free < 2 * needed + RESERVE:
        yield PART.warns("space", told, remedy)
    else:
        yield PART.passes("space", told)


def nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
