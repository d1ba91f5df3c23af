"""Find the tables and images of I-SPY2 wherever they lie in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

# A download of the DICOM collection holds some millions of files and nothing for us: one folder a patient, or one
# a series named by its UID.
_DICOM = re.compile(r"(ISPY2|ACRIN-6698)-\d{6}|\d+(\.\d+){5,}")
_EXCEL_LOCK = "~$"


@dataclass(frozen=True)
class Source:
    """One table: what people call it and what its file is named, in small letters."""

    title: str
    pattern: str


TRIAL = Source("clinical workbook of TCIA", "*ispy2*clinical*.xlsx")
SHEET = Source("sheet of MAMA-MIA", "clinical_and_imaging_info*.xlsx")
MRI = Source("MRI workbook of TCIA", "*multi-feature*mri*.xlsx")
GEOMETRY = Source("table of BreastDCEDL", "*metadata*spy2*.csv")


def list_files(folder: Path) -> tuple[Path, ...]:
    """Return every file under a folder, sorted, without those of DICOM folders.

    Raises:
        FedchemoError: FC002 if there is no such folder.
    """
    if not folder.is_dir():
        raise FedchemoError("FC002", f"{folder} is no folder")
    return tuple(sorted(_walk(folder)))


def find(files: tuple[Path, ...], source: Source) -> list[Path]:
    """Return the files that may be this table."""
    return [
        path
        for path in files
        if fnmatch(path.name.lower(), source.pattern) and not path.name.startswith(_EXCEL_LOCK)
    ]


def require(files: tuple[Path, ...], source: Source, folder: Path) -> list[Path]:
    """Return the files that may be this table; there is at least one.

    Raises:
        FedchemoError: FC702 if there is none.
    """
    found = find(files, source)
    if not found:
        raise FedchemoError(
            "FC702", f"the {source.title}: no file in {folder} or below it is named like {source.pattern}"
        )
    return found


def only(found: list[Path], source: Source) -> Path | None:
    """Return the one file that is this table, or None.

    Raises:
        FedchemoError: FC702 if there are several: which one is right is not for a program to guess.
    """
    if len(found) > 1:
        raise FedchemoError("FC702", f"the {source.title} may be any of {', '.join(map(str, found))}")
    return found[0] if found else None


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        # Links to folders are followed, and a circle of them is walked once.
        real = Path(place).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _DICOM.fullmatch(name))
        yield from (Path(place) / name for name in names)
