"""``clinical.csv`` and ``visits.csv`` of a site folder, from the hospital's tables and its images."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fedchemo.client.cohort.checks import check_values
from fedchemo.client.cohort.images import VISITS
from fedchemo.client.cohort.problems import Problem, warning
from fedchemo.client.cohort.schema import VISITS_COLUMNS, VISITS_SCHEMA
from fedchemo.client.importing.deidentification.days import days_since_t0
from fedchemo.client.importing.site.manifest import Written
from fedchemo.shared.clinical.schema import SCHEMA, Column
from fedchemo.shared.configuration import Visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedchemo.client.importing.contract import Examination

Key = tuple[str, Visit]
"""Join key and visit."""

_VOLUME = next(column for column in SCHEMA if column.name == "tumour_volume_cc")
_SMALLEST_CC, _LARGEST_CC = _VOLUME.low or 0.0, _VOLUME.high or math.inf
_OPTIONAL = {"split"}
_MEASURED = tuple(name for name in VISITS_COLUMNS[2:] if name != "days_since_t0")


@dataclass(frozen=True)
class SiteTables:
    """The tables of a site folder.

    Attributes:
        files: name to content.
        origin: join key to where a tumour volume came from that the table did not give.
        warnings: what was left empty.
    """

    files: dict[str, str]
    origin: dict[str, str]
    warnings: list[Problem]


def site_tables(
    clinical: pd.DataFrame,
    visits: pd.DataFrame,
    examinations: Mapping[Key, Examination],
    written: Mapping[Key, Written],
    names: Mapping[str, str],
) -> SiteTables:
    """Make ``clinical.csv`` and, if anything is known of any visit, ``visits.csv``.

    Args:
        clinical: a clinical frame by join key.
        visits: measurements and dates of the tables, ``patient_id`` being the join key.
        examinations: those found, by join key and visit; their dates count whether or not they could be used.
        written: those that could.
        names: join key to pseudonym, of the patients who take part.
    """
    filled, origin = _with_volumes(clinical.loc[list(names)], visits, written)
    files = {"clinical.csv": _csv(_clinical_text(filled, names))}
    rows, warnings = _visits_text(visits, examinations, written, names)
    if len(rows):
        files["visits.csv"] = _csv(rows)
    return SiteTables(files, origin, warnings)


def _csv(text: pd.DataFrame) -> str:
    return text.to_csv(index=False, lineterminator="\n")


def as_text(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return these columns as text that reads back as the same values; empty where missing."""
    text = {column.name: [_cell(value) for value in frame[column.name]] for column in columns}
    return pd.DataFrame(text, index=frame.index, dtype=object)


def _clinical_text(clinical: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of ``clinical.csv``, sorted by pseudonym.

    Args:
        clinical: a clinical frame by join key.
        names: join key to pseudonym, of the patients who take part.
    """
    chosen = clinical.loc[list(names)].reset_index(drop=True)
    chosen["patient_id"] = list(names.values())
    for column in SCHEMA:
        if column.name not in chosen:
            chosen[column.name] = None
    # An empty column of splits would be a column more to explain; the reader cuts where there is none.
    columns = [c for c in SCHEMA if c.name not in _OPTIONAL or chosen[c.name].notna().any()]
    return as_text(chosen.sort_values("patient_id"), columns)


def out_of_range(path: Path, clinical: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[Problem]]:
    """Return join key to the values that a site folder may not hold, before any of them is written."""
    named = clinical.loc[list(keys)].reset_index(drop=True)
    columns = [column for column in SCHEMA[1:] if column.name in named]
    found: dict[str, list[Problem]] = {}
    for problem in check_values(path, as_text(named, columns), columns):
        assert problem.row is not None
        found.setdefault(keys[problem.row], []).append(problem)
    return found


def _with_volumes(
    clinical: pd.DataFrame, visits: pd.DataFrame, written: Mapping[Key, Written]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Fill the tumour volume at T0 where the table has none.

    The first there is of: functional tumour volume in a table, volume of the lesion mask, functional tumour volume
    by the hospital's software, the same by the published rule.

    Args:
        clinical: a clinical frame by join key.
        visits: ``ftv_cc`` by join key and visit.
        written: the examinations, by join key and visit.

    Returns:
        The frame, and join key to where the volume came from, in words.
    """
    filled = clinical.copy()
    filled["tumour_volume_cc"] = filled["tumour_volume_cc"].astype(float)
    origin: dict[str, str] = {}
    given = visits.set_index(["patient_id", "visit"])["ftv_cc"].to_dict() if len(visits) else {}
    for key in filled.index[filled["tumour_volume_cc"].isna()]:
        measured = written[key, "T0"].volumes_cc if (key, "T0") in written else {}
        for where, value in (
            ("functional tumour volume in a table", given.get((key, "T0"))),
            ("lesion mask", measured.get("lesion")),
            ("functional tumour volume by the hospital's software", measured.get("ftv")),
            ("functional tumour volume by the published rule", measured.get("rule")),
        ):
            if value is not None and _SMALLEST_CC <= value <= _LARGEST_CC:
                filled.loc[key, "tumour_volume_cc"] = round(float(value), 4)
                origin[str(key)] = where
                break
    return filled, origin


def _visits_text(
    visits: pd.DataFrame,
    examinations: Mapping[Key, Examination],
    written: Mapping[Key, Written],
    names: Mapping[str, str],
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the rows of ``visits.csv`` sorted by pseudonym and visit, and what was left empty in them.

    Args:
        visits: measurements and dates of the tables, ``patient_id`` being the join key.
        examinations: those found, by join key and visit; their dates count whether or not they could be used.
        written: those that could.
        names: join key to pseudonym, of the patients who take part.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    dates: dict[Key, dt.date | None] = {}
    for record in visits.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        slot = (str(row["patient_id"]), row["visit"])
        if slot[0] in names:
            rows[slot] = row
            date = row.get("date")
            # NaT, which pandas makes of None among dates, is a datetime to Python.
            dates[slot] = date if isinstance(date, dt.date) and not pd.isna(date) else None
    for slot, examination in examinations.items():
        if slot[0] not in names:
            continue
        if slot in written:
            row = rows.setdefault(slot, {})
            if examination.times_s is not None:
                row["early_s"], row["late_s"] = (round(float(time), 1) for time in examination.times_s)
            if _missing(row.get("ftv_cc")) and "ftv" in written[slot].volumes_cc:
                row["ftv_cc"] = round(written[slot].volumes_cc["ftv"], 4)
    days, problems = _days(dates, {slot: found.date for slot, found in examinations.items()}, rows)
    # A visit of which nothing is known but that there are images needs no row.
    rows = {
        slot: row
        for slot, row in rows.items()
        if slot in days or any(not _missing(row.get(c)) for c in _MEASURED)
    }
    for slot, row in rows.items():
        row.update(patient_id=names[slot[0]], visit=slot[1], days_since_t0=days.get(slot))
    frame = pd.DataFrame(list(rows.values()), columns=list(VISITS_COLUMNS))
    text = as_text(frame.sort_values(["patient_id", "visit"]), VISITS_SCHEMA).reset_index(drop=True)
    return text, problems + _emptied(text, {name: key for key, name in names.items()})


def _emptied(text: pd.DataFrame, keys: Mapping[str, str]) -> list[Problem]:
    """Empty what no ``visits.csv`` may hold, and say so."""
    problems = []
    for found in check_values(Path("visits"), text, VISITS_SCHEMA):
        assert found.row is not None
        assert found.column is not None
        visit, name = text.loc[found.row, "visit"], str(text.loc[found.row, "patient_id"])
        text.loc[found.row, found.column] = ""
        what = f"{found.column} {found.what}; left empty"
        problems.append(
            warning(found.code, "visits", what, found.remedy, column=str(visit), patient=keys[name])
        )
    return problems


def _days(
    of_tables: Mapping[Key, dt.date | None],
    of_images: Mapping[Key, dt.date | None],
    rows: Mapping[tuple[str, str], object],
) -> tuple[dict[tuple[str, str], float], list[Problem]]:
    """Take days between images where both images have dates, else those between dates of the tables.

    The two are never mixed: an export may have shifted the dates of one of them.
    """
    low, high = next((c.low or 0, c.high or math.inf) for c in VISITS_SCHEMA if c.name == "days_since_t0")
    images, tables = days_since_t0(of_images), days_since_t0(of_tables)
    found: dict[tuple[str, str], float] = {}
    problems = []
    for key, visit in sorted(rows):
        slot = (key, VISITS[VISITS.index(visit)])
        by_image, by_table = images.get(slot), tables.get(slot)
        days = by_image if by_image is not None else by_table
        if days is None:
            continue
        if by_image is not None and by_table is not None and by_image != by_table:
            what = f"lies {by_table} days after T0 by the table and {by_image} by the images; left empty"
            remedy = "Correct the date of T0 or of this visit"
        elif not low <= days <= high:
            what = f"lies {days} days after T0, outside {low:g} to {high:g}; left empty"
            remedy = "Check the dates, and which visit is T0"
        else:
            found[slot] = float(days)
            continue
        problems.append(warning("FC109", "visits", what, remedy, column=visit, patient=key))
    return found, problems


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN alone differs from itself


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - as above
        return ""
    # The shortest digits that give the same float, and 1 rather than 1.0.
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)
