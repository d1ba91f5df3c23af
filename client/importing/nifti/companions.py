"""What lies beside the images and tells their times, their phases and the equipment.

MAMA-MIA has ``clinical_and_imaging_info.xlsx`` and ``patient_info_files/<id>.json``, BreastDCEDL a table
``*metadata*.csv``. Whatever of these is absent or not understood is done without; clinical values are not read here.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

from fedchemo.client.cohort.problems import Problem, warning
from fedchemo.client.importing.contract import Scanner

_SHEET = "clinical_and_imaging_info*.xlsx"
_METADATA = "*metadata*.csv"
_PATIENT_FILES = "patient_info_files"
_TIMES = "acquisition_times"
_INDICES = ("pre", "post_early", "post_late")
_EXCEL_LOCK = "~$"


@dataclass
class Companions:
    """What is known beside the images, by identifier in small letters.

    Attributes:
        times: lists of seconds after the first phase; tables may disagree.
        indices: BreastDCEDL's numbers of the pre, early and late phase.
        scanners: the equipment.
        problems: tables that could not be read (FC104, warnings).
    """

    times: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    indices: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    scanners: dict[str, Scanner] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def times_of(self, patient: str, phases: int) -> tuple[float, ...] | None:
        """Return a patient's times: a list of as many as there are phases before any other."""
        lists = self.times.get(patient.casefold(), [])
        return next((times for times in lists if len(times) == phases), lists[0] if lists else None)


def read_companions(files: Iterable[Path]) -> Companions:
    """Read what is understood among the files.

    Args:
        files: any; each is known by its name.
    """
    found = Companions()
    for path in sorted(files):
        name = path.name.casefold()
        reader = None
        if path.parent.name.casefold() == _PATIENT_FILES and name.endswith(".json"):
            reader = _read_patient
        elif fnmatch(name, _SHEET) and not name.startswith(_EXCEL_LOCK):
            reader = _read_sheet
        elif fnmatch(name, _METADATA):
            reader = _read_metadata
        if reader is None:
            continue
        try:
            reader(path, found)
        except Exception:  # noqa: BLE001 - a workbook, a JSON or a CSV file may be damaged in any way
            what = "could not be read; times of phases in it are not used"
            found.problems.append(warning("FC104", path, what, "Copy the file anew"))
    return found


def seconds(cell: object) -> tuple[float, ...] | None:
    """Return times in a list or in a text such as ``[0, 178, 265]``; None if these are no increasing numbers."""
    parts = cell if isinstance(cell, list | tuple) else str(cell or "").strip(" []()").split(",")
    try:
        times = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    increasing = all(time < later for time, later in pairwise(times))
    if not increasing or not all(map(math.isfinite, times)):
        return None
    return times or None


def _read_patient(path: Path, found: Companions) -> None:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    for value in _values(content, _TIMES):
        if times := seconds(value):
            # First, since it is about this patient only and comes with the images.
            found.times.setdefault(path.stem.casefold(), []).insert(0, times)


def _values(content: Any, name: str) -> Iterator[Any]:
    """Iterate over the values of a key, however deep."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == name:
                yield value
            else:
                yield from _values(value, name)
    elif isinstance(content, list):
        for item in content:
            yield from _values(item, name)


def _read_sheet(path: Path, found: Companions) -> None:
    from openpyxl import load_workbook

    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        for sheet in workbook.worksheets:
            rows = sheet.iter_rows(values_only=True)
            names = [str(cell).strip().casefold() for cell in next(rows, ())]
            if "patient_id" in names and _TIMES in names:
                for row in rows:
                    _take(dict(zip(names, row, strict=False)), found)
    finally:
        workbook.close()


def _take(row: Mapping[str, object], found: Companions) -> None:
    patient = str(row["patient_id"] or "").strip().casefold()
    if not patient:
        return
    if times := seconds(row[_TIMES]):
        found.times.setdefault(patient, []).append(times)
    strength = row.get("field_strength")
    found.scanners.setdefault(
        patient,
        Scanner(
            manufacturer=_words(row.get("manufacturer")),
            model=_words(row.get("scanner_model")),
            field_strength_t=float(strength) if isinstance(strength, int | float) and strength > 0 else None,
        ),
    )


def _words(cell: object) -> str:
    return " ".join(str(cell).split()) if cell is not None else ""


def _read_metadata(path: Path, found: Companions) -> None:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            pre, early, late = (_index(row.get(name)) for name in _INDICES)
            if pre is not None and early is not None and late is not None and pre < early < late:
                found.indices[str(row.get("pid") or "").strip().casefold()] = (pre, early, late)


def _index(cell: str | Sequence[str] | None) -> int | None:
    try:
        value = float(cell) if isinstance(cell, str) else math.nan
    except ValueError:
        return None
    return int(value) if value >= 0 and value.is_integer() else None
