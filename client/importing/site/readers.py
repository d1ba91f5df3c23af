"""What reads a hospital's tables and images: the formats this release knows, or others put in their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fedchemo.client.importing.contract import Found, Progress, Timing

if TYPE_CHECKING:
    from fedchemo.client.importing.tables.contract import ImportedTables

Watch = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""


class TableReader(Protocol):
    """Reads tables by their mappings."""

    def __call__(self, files: Sequence[Path], *, mappings: Sequence[Path] = ()) -> ImportedTables: ...  # noqa: D102


class ImageReader(Protocol):
    """Finds the examinations of one format under folders, reading headers only."""

    def __call__(  # noqa: D102
        self, folders: Sequence[Path], *, timing: Timing, progress: Progress
    ) -> Found: ...


@dataclass(frozen=True)
class Readers:
    """The readers of an import.

    Attributes:
        tables: reads the tables.
        images: stage to reader, in the order they run.
    """

    tables: TableReader
    images: dict[str, ImageReader]


def installed_readers() -> Readers:
    """Return the readers of this release."""
    from fedchemo.client.importing.dicom import find_dicom
    from fedchemo.client.importing.nifti import find_nifti
    from fedchemo.client.importing.tables.read import read_tables

    return Readers(read_tables, {"looking at DICOM files": find_dicom, "looking at NIfTI files": find_nifti})


def find_images(readers: Readers, folders: Sequence[Path], timing: Timing, watch: Watch) -> Found:
    """Return what all the readers of images found, put together."""
    found = [
        reader(folders, timing=timing, progress=lambda done, total, s=stage: watch(s, done, total))  # type: ignore[misc]
        for stage, reader in readers.images.items()
    ]
    exposed: Counter[str] = Counter()
    for one in found:
        exposed.update(one.exposed)
    return Found(
        tuple(examination for one in found for examination in one.examinations),
        tuple(problem for one in found for problem in one.problems),
        dict(exposed.most_common()),
        tuple(sentence for one in found for sentence in one.burned_in),
    )
