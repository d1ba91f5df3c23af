"""Checks of a table's values, all of them in one pass, and the values themselves.

Only an empty cell is a missing value. ``NA``, ``-1``, ``999`` or ``unknown`` are told to whoever exports the
data, since a guess could be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.shared.clinical.schema import IDENTIFIER, Column

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MISSING_WORDS = {"na", "n/a", "nan", "null", "none", "-", "?", "unknown", "missing", "-1", "999"}


@dataclass(frozen=True)
class _Rule:
    """What a value of a column must be; an empty one passes."""

    code: str
    holds: Callable[[str], bool]
    what: str
    remedy: str


def check_values(path: Path, table: pd.DataFrame, columns: Sequence[Column]) -> list[Problem]:
    """Return every value of a table that its column does not allow: FC106, FC108, FC109.

    Args:
        path: the file, for the messages.
        table: text, indexed by the row in a spreadsheet.
        columns: what each column holds.
    """
    rules = {column.name: _rules(column) for column in columns}
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(checks=[_check(rule, place) for place, rule in enumerate(found)])
            for name, found in rules.items()
        }
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as failure:
        cases = failure.failure_cases.sort_values(["index", "column"], kind="stable")
        return [
            _problem(path, int(row), str(name), str(value), rules[str(name)][int(place)])
            for row, name, value, place in zip(
                cases["index"], cases["column"], cases["failure_case"], cases["check"], strict=True
            )
        ]
    return []


def typed(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return a checked table with numbers as float64 (NaN is missing) and text as objects (None is missing)."""
    frame = pd.DataFrame(index=table.index)
    for column in columns:
        cells = table[column.name]
        if column.kind in {"binary", "number"}:
            frame[column.name] = [float(cell) if cell else float("nan") for cell in cells]
        else:
            frame[column.name] = pd.Series([cell or None for cell in cells], index=table.index, dtype=object)
    return frame


def _check(rule: _Rule, place: int) -> pa.Check:
    return pa.Check(lambda cell: not cell or rule.holds(cell), element_wise=True, error=str(place))


def _problem(path: Path, row: int, column: str, value: str, rule: _Rule) -> Problem:
    remedy = "Leave it empty if it is missing" if value.casefold() in _MISSING_WORDS else rule.remedy
    return error(rule.code, path, rule.what, remedy, row=row, column=column, value=value)


def _rules(column: Column) -> list[_Rule]:
    match column.kind:
        case "identifier":
            what = "cannot be a patient's identifier"
            remedy = "Use letters, digits, '.', '_' and '-' only, at most 64, the first a letter or digit"
            return [_Rule("FC106", lambda cell: re.fullmatch(IDENTIFIER, cell) is not None, what, remedy)]
        case "binary":
            what, remedy = "is neither 0 nor 1", "Write 1 for yes or positive, 0 for no or negative"
            return [_Rule("FC108", lambda cell: _is_number(cell) and float(cell) in {0.0, 1.0}, what, remedy)]
        case "category":
            allowed = ", ".join(column.values)
            what, remedy = f"is none of {allowed}", f"Write one of {allowed}, in lower case"
            return [_Rule("FC108", lambda cell: cell in column.values, what, remedy)]
        case "number":
            return _number_rules(column)
        case "text":
            what, remedy = "is too long or holds a line break", "Shorten it to 200 characters in one line"
            return [_Rule("FC108", lambda cell: len(cell) <= 200 and cell.isprintable(), what, remedy)]


def _number_rules(column: Column) -> list[_Rule]:
    low = float("-inf") if column.low is None else column.low
    high = float("inf") if column.high is None else column.high
    return [
        _Rule("FC108", _is_number, "is not a number", "Write digits with a decimal point, without a unit"),
        _Rule(
            "FC109",
            lambda cell: not _is_number(cell) or low <= float(cell) <= high,
            f"is outside {low:g} to {high:g}",
            f"Check the value and its unit: {column.meaning}",
        ),
    ]


def _is_number(cell: str) -> bool:
    # float() alone would take nan, inf and 1_000.
    return cell.isascii() and _NUMBER.fullmatch(cell) is not None
