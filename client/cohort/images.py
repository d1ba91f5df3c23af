"""Which visits of which patients have images: ``images/<patient>/<visit>/{pre,early,late}.nii.gz``.

Only names are looked at; whether a file can be used is found when its image is prepared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import get_args

from fedchemo.client.cohort.problems import Problem, warning
from fedchemo.shared.configuration import Visit

VISITS: tuple[Visit, ...] = get_args(Visit)
_PHASES = ("pre.nii.gz", "early.nii.gz", "late.nii.gz")


def find_images(folder: Path, patients: Collection[str]) -> tuple[dict[str, dict[str, Path]], list[Problem]]:
    """Return patient -> visit -> folder, and what was left aside (FC113, FC114, all warnings).

    Args:
        folder: the site folder's ``images``; it may be absent.
        patients: those in the table.
    """
    images: dict[str, dict[str, Path]] = {}
    problems: list[Problem] = []
    if not folder.is_dir():
        return images, problems
    for patient in _entries(folder):
        if patient.name not in patients:
            what, remedy = "is no patient of clinical.csv and is ignored", "Name the folder as the patient"
            problems.append(warning("FC113", patient, what, remedy))
            continue
        visits: dict[str, Path] = {}
        for visit in _entries(patient) if patient.is_dir() else ():
            if visit.name not in VISITS or not visit.is_dir():
                what = "is no visit and is ignored"
                problems.append(warning("FC114", visit, what, f"Name the folder {', '.join(VISITS)}"))
            elif missing := [name for name in _PHASES if not (visit / name).is_file()]:
                what = f"lacks {', '.join(missing)}; taken as without image"
                problems.append(warning("FC114", visit, what, "Add the missing phase"))
            else:
                visits[visit.name] = visit
        if visits:
            images[patient.name] = visits
    return images, problems


def _entries(folder: Path) -> Iterator[Path]:
    """Iterate over a folder by name, without the files that desktops leave behind."""
    litter = {"thumbs.db", "desktop.ini"}
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and entry.name.lower() not in litter:
            yield entry
