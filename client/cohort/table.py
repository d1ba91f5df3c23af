"""A CSV file as text, with the rows counted as a spreadsheet counts them."""

from __future__ import annotations

import csv
import difflib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort.problems import Problem, error, warning

_SAVE_AS_CSV = "Save it as 'CSV UTF-8 (comma delimited)', with one header row and a row a patient"


def read_table(
    path: Path, *, known: Sequence[str], required: Sequence[str], optional: Sequence[str] = ()
) -> tuple[pd.DataFrame | None, list[Problem]]:
    """Read a table without interpreting any value.

    Spaces around a value or a column's name do not count. Empty rows are skipped, and counted.

    Args:
        path: the file.
        known: the columns that have a meaning.
        required: those among them without which nothing can be done.
        optional: those among them whose absence is not worth a word.

    Returns:
        The table (text, the known columns in their order, ``""`` for an absent or empty value, indexed by the
        row in a spreadsheet), or None if nothing can be read; and what is wrong: FC104, FC105, FC115.
    """
    text, problems = _decode(path)
    if text is None:
        return None, problems
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as wrong:
        what = f"is not a CSV table: {wrong}"
        return None, [error("FC104", path, what, _SAVE_AS_CSV, row=len(records) + 1)]
    if not records or not any(cell.strip() for cell in records[0]):
        return None, [error("FC104", path, "has no header in its first row", _SAVE_AS_CSV)]
    header = [name.strip() for name in records[0]]
    if len(header) == 1 and (mark := next((mark for mark in ";\t|" if mark in header[0]), None)):
        return None, [
            error("FC104", path, f"separates its columns by {mark!r} instead of a comma", _SAVE_AS_CSV, row=1)
        ]
    columns, found = _columns(path, header, known=known, required=required, optional=optional)
    problems += found
    rows, found = _rows(path, records, columns, len(header))
    problems += found
    if any(problem.column in required for problem in problems if problem.severity == "error"):
        return None, problems
    if not rows:
        problems.append(error("FC104", path, "has no rows below its header", _SAVE_AS_CSV))
        return None, problems
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(columns), dtype=object)
    return table.reindex(columns=list(known), fill_value=""), problems


def _decode(path: Path) -> tuple[str | None, list[Problem]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None, [error("FC104", path, "is not there", "Export the table into the site folder")]
    except OSError as wrong:
        return None, [
            error(
                "FC104", path, f"cannot be read: {wrong.strerror}", "Make it a file that this user may read"
            )
        ]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as wrong:
        row = content[: wrong.start].count(b"\n") + 1
        byte = f"byte 0x{content[wrong.start]:02X}"
        return None, [error("FC104", path, f"is not UTF-8 text: {byte}", _SAVE_AS_CSV, row=row)]


def _columns(
    path: Path, header: list[str], *, known: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> tuple[dict[str, int], list[Problem]]:
    """Return known column -> its place, and what is wrong with the header."""
    problems = []
    for name, count in Counter(header).items():
        if count > 1 and name in known:
            problems.append(
                error("FC105", path, f"occurs {count} times", "Keep one of them", row=1, column=name)
            )
    absent = [name for name in known if name not in header]
    misspelt = set()
    for name in dict.fromkeys(header):
        if name in known or not name:
            continue
        # A header that differs in case or spacing is meant; ignoring it would drop a variable silently.
        meant = next((column for column in absent if _plain(column) == _plain(name)), None)
        if meant:
            misspelt.add(meant)
            problems.append(
                error("FC105", path, "is a column misspelt", f"Write it {meant}", row=1, column=name)
            )
            continue
        near = difflib.get_close_matches(name, absent, n=1)
        remedy = f"Rename it if {near[0]} is meant" if near else "Nothing to do; it is not read"
        problems.append(warning("FC115", path, "is not known and is ignored", remedy, row=1, column=name))
    for name in absent:
        if name in misspelt:
            continue
        if name in required:
            problems.append(error("FC105", path, "is absent", "Add the column", row=1, column=name))
        elif name not in optional:
            remedy = "Add the column if the hospital records it"
            what = "is absent and taken as missing for every patient"
            problems.append(warning("FC105", path, what, remedy, row=1, column=name))
    return {name: header.index(name) for name in known if name in header}, problems


def _rows(
    path: Path, records: list[list[str]], columns: dict[str, int], width: int
) -> tuple[dict[int, list[str]], list[Problem]]:
    rows, problems = {}, []
    for number, record in enumerate(records[1:], start=2):
        cells = [cell.strip() for cell in record]
        if not any(cells):
            continue
        if len(cells) < width or any(cells[width:]):
            what = f"has {len(cells)} values, but the header has {width}"
            remedy = "Put a value that holds a comma in double quotes, and end no row early"
            problems.append(error("FC104", path, what, remedy, row=number))
            continue
        rows[number] = [cells[place] for place in columns.values()]
    return rows, problems


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
