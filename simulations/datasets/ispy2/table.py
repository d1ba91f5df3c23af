"""Read one published table: patients by the last six digits of their identifier, every bad cell told at once."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.ispy2 import cells

# 756412, ISPY2-756412, ACRIN-6698-102212 and ISPY2_756412 all occur; 756412.0 where a spreadsheet has empty rows.
_DIGITS = re.compile(r"(?<!\d)(\d{6})(?:\.0)?$")


@dataclass(frozen=True)
class Reading:
    """How one column is read: its name in the table, and what a cell means."""

    column: str
    meaning: Callable[[object], object]


def key(identifier: object) -> str | None:
    """Return the last six digits, by which every table of I-SPY2 is joined; None if it does not end in six."""
    match = _DIGITS.search(str(identifier).strip())
    return match[1] if match else None


def read(path: Path, *, identifier: str, readings: Mapping[str, Reading]) -> pd.DataFrame:
    """Read a table's columns under our own names.

    Args:
        path: an Excel workbook or a CSV file.
        identifier: the column of patients; rows without one, such as a row of column means, are none.
        readings: our name -> where it stands in the table. Of a table with a column ``dataset`` only I-SPY2's
            rows are read.

    Returns:
        One row a patient, indexed by the six digits, sorted.

    Raises:
        FedchemoError: FC703 with every column that is missing, or every cell that is not understood and every
            patient who occurs twice.
    """
    frame = _open(path, identifier)
    absent = [
        name for name in (identifier, *(r.column for r in readings.values())) if name not in frame.columns
    ]
    if absent:
        raise FedchemoError("FC703", f"{path}: no column {', '.join(absent)}")
    if "dataset" in frame.columns:
        named = frame["dataset"].map(lambda cell: re.sub(r"[^a-z0-9]", "", str(cell).lower()))
        frame = frame[named == "ispy2"]
    frame = frame[frame[identifier].map(cells.text).notna()]
    problems = []
    patients = []
    for cell in frame[identifier]:
        patient = key(cell)
        if patient is None:
            problems.append(f"{identifier} {cell!r} does not end in six digits")
        elif patient in patients:
            problems.append(f"patient {patient} occurs twice")
        patients.append(patient or "")
    columns: dict[str, list[object]] = {}
    for name, reading in readings.items():
        values: list[object] = []
        for patient, cell in zip(patients, frame[reading.column], strict=True):
            try:
                values.append(reading.meaning(cell))
            except ValueError:
                problems.append(f"patient {patient}, {reading.column}: {cell!r}")
                values.append(None)
        columns[name] = values
    if problems:
        raise FedchemoError("FC703", f"{path}: {'; '.join(problems)}")
    index = pd.Index(patients, dtype=object)
    series = {name: pd.Series(values, index=index, dtype=_kind(values)) for name, values in columns.items()}
    return pd.DataFrame(series, index=index).sort_index()


def _kind(values: list[object]) -> type:
    return float if values and all(isinstance(value, float) for value in values) else object


def _open(path: Path, identifier: str) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            try:
                frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
            except UnicodeDecodeError:
                frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="latin-1")
            return frame.rename(columns=_trimmed)
        sheets = pd.read_excel(path, sheet_name=None, dtype=object, engine="openpyxl")
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FedchemoError("FC703", f"{path} cannot be read: {error}") from error
    tidied = [sheet.rename(columns=_trimmed) for sheet in sheets.values()]
    return next((sheet for sheet in tidied if identifier in sheet.columns), tidied[0])


def _trimmed(name: object) -> str:
    return " ".join(str(name).split())
