"""The value of a variable from its cells: codes, missing values, words and numbers, units, ranges."""

from __future__ import annotations

import datetime as dt

from fedchemo.client.cohort.schema import VISITS_SCHEMA
from fedchemo.client.importing.tables import cells
from fedchemo.client.importing.tables.cells import NotUnderstood
from fedchemo.client.importing.tables.header import plain
from fedchemo.client.importing.tables.mapping import KINDS, TableMapping, Variable
from fedchemo.client.importing.tables.units import FACTORS, to_ours
from fedchemo.client.importing.tables.workbooks import UNCALCULATED
from fedchemo.shared.clinical.schema import SCHEMA

Value = float | str | dt.date

_RANGES = {
    column.name: (column.low, column.high)
    for column in (*SCHEMA, *VISITS_SCHEMA)
    if column.low is not None and column.high is not None
}
_MM3_PER_CC = 1000.0


class Pending(Exception):  # noqa: N818 - not a failure
    """An outcome that will be known later."""


class Unsure(Exception):  # noqa: N818 - becomes a problem
    """A value that cannot be used.

    Args:
        code: FC140, FC141 or FC142.
        what: what is wrong, without the value itself.
        remedy: what to do.
        number: the number in our unit, where it is one that is out of range.
    """

    def __init__(self, code: str, what: str, remedy: str, number: float | None = None) -> None:
        self.code, self.what, self.remedy, self.number = code, what, remedy, number
        super().__init__(what)


def value_of(
    name: str,
    variable: Variable,
    mapping: TableMapping,
    written: dict[str, str],
    decimal: cells.Decimal | None,
) -> Value | None:
    """Return what the cells of a variable say; None if it is missing."""
    if variable.voxels is not None:
        volume = _volume(variable, mapping, written, decimal)
        if volume is None or (variable.zero_is_missing and volume == 0):
            return None
        return _in_range(name, volume)
    if variable.any_of:
        each = [_cell(name, variable, mapping, written[column], decimal) for column in variable.any_of]
        if 1.0 in each:
            return 1.0
        return None if None in each else 0.0
    return _cell(name, variable, mapping, written[variable.columns[0]], decimal)


def _cell(
    name: str, variable: Variable, mapping: TableMapping, words: str, decimal: cells.Decimal | None
) -> Value | None:
    if words == UNCALCULATED:
        remedy = "Open the workbook in a spreadsheet program and save it"
        raise Unsure("FC140", "is a formula whose value was never calculated", remedy)
    if words.startswith("#") and words.endswith(("!", "?")):
        raise Unsure("FC140", "is an error of the spreadsheet", "Correct the formula")
    kind = KINDS[name]
    coded, meaning = _coded(variable, words)
    if coded:
        if meaning == "missing":
            return None
        return float(meaning) if kind in {"binary", "number"} else str(meaning)
    if cells.is_missing(words, {str(code).casefold() for code in (*mapping.missing, *variable.missing)}):
        return None
    if name == "pcr" and words.casefold() in {
        *cells.PENDING,
        *(word.casefold() for word in variable.pending),
    }:
        raise Pending
    if variable.codes and kind in {"binary", "category"}:
        raise Unsure("FC140", "is none of the codes in the mapping", "Correct it, or add it to codes")
    try:
        return _parsed(name, variable, words, decimal)
    except NotUnderstood as wrong:
        raise Unsure("FC140", wrong.what, wrong.remedy) from wrong


def _parsed(name: str, variable: Variable, words: str, decimal: cells.Decimal | None) -> Value | None:
    match KINDS[name]:
        case "binary":
            return cells.binary(words, name)
        case "number":
            return _number(name, variable, words, decimal)
        case "date":
            return cells.date(words, variable.format)
        case "category":
            return cells.menopause(words) if name == "menopause" else cells.split(words)
        case _:
            return cells.race(words) if name == "race" else cells.arm(words)


def _number(name: str, variable: Variable, words: str, decimal: cells.Decimal | None) -> float | None:
    value, unit = cells.number_and_unit(words, decimal)
    if unit is None and value in cells.SENTINELS:
        remedy = "Add it to missing in the mapping if it is; or correct it"
        raise Unsure("FC142", "looks like a code for missing and is taken so", remedy)
    stated = variable.unit or next(iter(FACTORS[name]))
    if unit is not None and unit not in FACTORS[name]:
        raise NotUnderstood(
            "has a unit in which this is not measured", "Correct the cell, or the column in the mapping"
        )
    if variable.zero_is_missing and value == 0:
        return None
    return _in_range(name, to_ours(value, name, unit or stated))


def _volume(
    variable: Variable, mapping: TableMapping, written: dict[str, str], decimal: cells.Decimal | None
) -> float | None:
    numbers = []
    for column in (variable.voxels or "", *variable.spacing):
        words = written[column]
        if cells.is_missing(words, {str(code).casefold() for code in (*mapping.missing, *variable.missing)}):
            return None
        try:
            numbers.append(cells.number(words, decimal))
        except NotUnderstood as wrong:
            raise Unsure("FC140", wrong.what, wrong.remedy) from wrong
    voxels, x, y, z = numbers
    if voxels < 0 or min(x, y, z) <= 0:
        raise Unsure("FC141", "is no number of voxels and their size", "Correct the cell")
    per_cc = _MM3_PER_CC if variable.spacing_unit == "mm" else 1.0
    return voxels * (x * y) * z / per_cc


def _in_range(name: str, value: float) -> float:
    low, high = _RANGES[name]
    if not low <= value <= high:
        remedy = "Correct the cell, or state the unit or the code for missing in the mapping"
        raise Unsure("FC141", f"is outside {low:g} to {high:g} in our unit", remedy, value)
    return value


def _coded(variable: Variable, words: str) -> tuple[bool, str | int | float]:
    lowered = plain(words)
    for code, meaning in variable.codes.items():
        if plain(code) == lowered or _same_number(code, lowered):
            return True, meaning
    return False, ""


def _same_number(one: str, other: str) -> bool:
    try:
        return cells.number(one) == cells.number(other)
    except NotUnderstood:
        return False
