"""Every file under some folders, and what lies beside a folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, error, warning

_IMAGES = "images"
# Folders of MAMA-MIA that belong to its `images`; whoever names that folder means them as well.
_BESIDE = ("segmentations", "patient_info_files")
_TABLES = (".xlsx", ".csv")


@dataclass(frozen=True)
class Walked:
    """Files, each once, with its path below the folder it was found in."""

    files: dict[Path, str]
    problems: tuple[Problem, ...]


def walk(folders: Sequence[Path]) -> Walked:
    """List the files under the folders, and tables and masks beside them.

    Links to folders are followed; hidden files are passed over.
    """
    files: dict[Path, str] = {}
    problems: list[Problem] = []
    seen: set[Path] = set()
    for named in folders:
        folder = named.absolute()
        if not folder.is_dir():
            problems.append(
                error("FC002", named, "is no folder", "Check the path, and that its disk is mounted")
            )
            continue
        for path in (*_below(folder, seen, problems), *_beside(folder, seen, problems)):
            files.setdefault(path, os.path.relpath(path, folder))
    return Walked(files, tuple(problems))


def _below(folder: Path, seen: set[Path], problems: list[Problem]) -> Iterator[Path]:
    def refuse(wrong: OSError) -> None:
        what = f"cannot be looked into and is left: {wrong.strerror or 'no reason is given'}"
        problems.append(warning("FC004", wrong.filename, what, "Let this user read it, and import again"))

    for place, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        real = Path(place).resolve()
        if real in seen:
            # A circle of links, or a folder that was named twice.
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _beside(folder: Path, seen: set[Path], problems: list[Problem]) -> Iterator[Path]:
    parent = folder.parent
    if folder.name.casefold() != _IMAGES or not os.access(parent, os.R_OK | os.X_OK):
        return
    for entry in sorted(parent.iterdir()):
        if entry.name.casefold() in _BESIDE and entry.is_dir():
            yield from _below(entry, seen, problems)
        elif entry.suffix.casefold() in _TABLES and entry.is_file():
            yield entry
