"""The files below folders, in an order that does not depend on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, error, warning

# What lies beside images and is never one; no word is lost about it.
_OTHERS = frozenset(
    {
        ".bvec",
        ".bval",
        ".bmp",
        ".csv",
        ".doc",
        ".docx",
        ".exe",
        ".gif",
        ".gz",
        ".htm",
        ".html",
        ".inf",
        ".ini",
    }
    | {".jpeg", ".jpg", ".json", ".md", ".nii", ".parquet", ".pdf", ".png", ".pptx", ".toml", ".tsv", ".txt"}
    | {".xls", ".xlsx", ".xml", ".yaml", ".yml", ".dll", ".jar", ".log", ".css", ".js", ".ods", ".license"}
)
_NAMES = frozenset({"dicomdir", "license", "readme", "thumbs.db", "autorun.inf"})


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and its path below the folder that was given."""

    path: str
    relative: str


def count(folders: Sequence[Path]) -> int:
    """Return how many files `places` will yield."""
    return sum(1 for _ in places(folders, []))


def places(folders: Sequence[Path], problems: list[Problem]) -> Iterator[Place]:
    """Yield the files that may be DICOM, each once, though folders overlap or links lead in circles.

    Hidden files, DICOMDIR, and files whose name says that they are something else are passed over.

    Args:
        folders: in which to look, to any depth.
        problems: FC002 is added for a folder that is not there, FC004 for one that may not be read.
    """
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        if not folder.is_dir():
            problems.append(
                error("FC002", folder, "is no folder", "Check the path, and that its disk is there")
            )
            continue
        yield from _below(str(folder), str(folder), seen, problems)


def _below(folder: str, root: str, seen: set[tuple[int, int]], problems: list[Problem]) -> Iterator[Place]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            state = os.stat(here)  # noqa: PTH116 - Path costs a third of the walk over millions of files
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(here) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as wrong:
            what = f"cannot be looked into: {wrong.strerror or 'no reason is given'}"
            problems.append(warning("FC004", here, what, "Give the user who imports the right to read it"))
            continue
        deeper = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    deeper.append(entry.path)
                elif entry.is_file() and _may_be_dicom(entry.name):
                    yield Place(entry.path, os.path.relpath(entry.path, root))
            except OSError:
                continue
        waiting.extend(reversed(deeper))


def _may_be_dicom(name: str) -> bool:
    low = name.lower()
    return low not in _NAMES and os.path.splitext(low)[1] not in _OTHERS  # noqa: PTH122 - as above
