"""What one table says about each patient by its mapping, and where it says so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fedchemo.client.cohort.images import VISITS
from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.tables import cells
from fedchemo.client.importing.tables.contract import Joining
from fedchemo.client.importing.tables.header import Table, find_columns, plain
from fedchemo.client.importing.tables.mapping import KINDS, TableMapping, Variable
from fedchemo.client.importing.tables.plausible import implausible
from fedchemo.client.importing.tables.values import Pending, Unsure, Value, value_of

Key = tuple[str | None, str]
"""Visit (None: of the patient) and variable."""

_SUMMARIES = {"mean", "average", "avg", "median", "total", "totals", "sum", "std", "sd", "min", "max", "n", "count",
              "mittelwert", "summe", "moyenne", "media", "gesamt", "range", "percent", "%"}  # fmt: skip
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,(\d{1,2}|\d{4,})|0,\d+)(?![\d,.])")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?![\d,.])")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(?!\d)")
# A third of a column, and not just a few cells, is no longer slips: the mapping is wrong.
_WRONG_SHARE = 0.3
_WRONG_COUNT = 5


@dataclass(frozen=True)
class Place:
    """A cell."""

    where: str
    """The file's name, and the sheet's where there are several."""
    row: int
    column: str

    def __str__(self) -> str:
        return f"{self.where} row {self.row} column {self.column}"


@dataclass(frozen=True)
class Said:
    """A value and where it stands.

    Attributes:
        value: in our words and units.
        place: the cell, of several the first.
        written: what the cell holds.
    """

    value: Value
    place: Place
    written: str


@dataclass
class TableReading:
    """What a table says.

    Attributes:
        table: the table.
        mapping: how it was read.
        rows: join key -> the numbers of its rows.
        said: join key -> visit and variable -> what the rows say, missing values left away.
        pending: how many outcomes are not known yet.
        left: how many rows are of another data set by the mapping.
        problems: what is wrong.
    """

    table: Table
    mapping: TableMapping
    rows: dict[str, list[int]] = field(default_factory=dict)
    said: dict[str, dict[Key, list[Said]]] = field(default_factory=dict)
    pending: int = 0
    left: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def joining(self) -> Joining:
        """The rule by which its identifiers are joined."""
        return self.mapping.identifier.joining

    def column(self, name: str) -> dict[str, str]:
        """Return a column that the mapping does not know: join key -> what its first row holds.

        Raises:
            KeyError: if there is no such column, or several.
        """
        places = self.table.places(name)
        if len(places) != 1:
            raise KeyError(name)
        cell = dict(self.table.rows)
        return {key: cell[rows[0]][places[0]] for key, rows in self.rows.items()}


@dataclass(frozen=True)
class _Row:
    number: int
    key: str
    visit: str | None
    cells: tuple[str, ...]


def extract(table: Table, mapping: TableMapping) -> TableReading:
    """Read a table by a mapping; every problem in one pass (FC136 to FC144, FC148)."""
    reading = TableReading(table, mapping)
    columns, found = find_columns(table, mapping)
    reading.problems += found
    if mapping.identifier.column not in columns or any(name not in columns for name in mapping.rows.where):
        return reading
    rows = _rows(reading, columns)
    reading.said = {key: {} for key in reading.rows}
    for visit, name, variable in mapping.variables():
        if all(column in columns for column in variable.columns):
            decimal = mapping.decimal or _decimal(table, mapping, columns, variable)
            _read_variable(reading, columns, rows, visit, name, variable, decimal)
    return reading


def _rows(reading: TableReading, columns: dict[str, int]) -> list[_Row]:
    """Return the rows that are a patient's, or a patient's visit."""
    table, mapping = reading.table, reading.mapping
    at = columns[mapping.identifier.column]
    kept = []
    for number, row in table.rows:
        if not selected(row, mapping, columns):
            reading.left += 1
            continue
        identifier = cells.tidy(row[at])
        if cells.is_missing(identifier) or plain(identifier) in _SUMMARIES:
            what = "has no identifier and is left out"
            remedy = "Nothing to do if it is a summary or remark; else write the identifier"
            reading.problems.append(
                warning("FC137", table.source, what, remedy, row=number, column=mapping.identifier.column)
            )
            continue
        kept.append((number, identifier, row))
    for number, row in table.broken:
        identifier = cells.tidy(row[at]) if at < len(row) else ""
        what = f"has {len(row)} cells, but the header has {len(table.names)}; it is not read"
        remedy = "Put a value that holds the separator in double quotes, and end no row early"
        if len([cell for cell in row if cell.strip()]) <= 1 or not identifier:
            reading.problems.append(warning("FC148", table.source, what, remedy, row=number))
        else:
            key = mapping.identifier.joining.key(identifier) or identifier
            reading.problems.append(error("FC148", table.source, what, remedy, row=number, patient=key))
    return _joined(reading, columns, kept)


def _joined(
    reading: TableReading, columns: dict[str, int], kept: list[tuple[int, str, tuple[str, ...]]]
) -> list[_Row]:
    mapping, where = reading.mapping, reading.table.source
    column = mapping.identifier.column
    joining = mapping.identifier.joining
    keys = [joining.key(identifier) for _, identifier, _ in kept]
    unfit = sum(key is None for key in keys)
    if unfit >= _WRONG_COUNT and unfit > len(keys) / 2:
        what = f"fits the joining rule in {len(keys) - unfit} of {len(keys)} rows ({joining.rule})"
        remedy = "Correct the rule under [identifier] in the mapping"
        reading.problems.append(error("FC138", where, what, remedy, column=column))
        return []
    first: dict[str, tuple[int, str]] = {}
    rows = []
    twice: dict[tuple[str, str | None], int] = {}
    for (number, identifier, row), key in zip(kept, keys, strict=True):
        if key is None:
            what = f"does not fit the joining rule: {joining.rule}"
            remedy = "Correct the identifier, or the rule under [identifier] in the mapping"
            reading.problems.append(
                error(
                    "FC138",
                    where,
                    what,
                    remedy,
                    row=number,
                    column=column,
                    value=identifier,
                    patient=identifier,
                )
            )
            continue
        earlier = first.setdefault(key, (number, identifier))
        reading.rows.setdefault(key, []).append(number)
        if _spelling(earlier[1]) != _spelling(identifier):
            what = f"becomes the same patient as the identifier in row {earlier[0]} by the joining rule"
            remedy = "Correct one of them, or the rule under [identifier] in the mapping"
            reading.problems.append(
                error("FC138", where, what, remedy, row=number, column=column, value=identifier, patient=key)
            )
        visit = _visit(reading, columns, row, number, key) if mapping.visit else None
        if (key, visit) in twice and not (mapping.visit and visit is None):
            what = f"stands in row {twice[key, visit]} as well"
            remedy = "Keep one row a patient" + (" and visit" if mapping.visit else "")
            reading.problems.append(
                warning(
                    "FC139", where, what, remedy, row=number, column=column, value=identifier, patient=key
                )
            )
        twice.setdefault((key, visit), number)
        rows.append(_Row(number, key, visit, row))
    return rows


def selected(row: tuple[str, ...], mapping: TableMapping, columns: dict[str, int]) -> bool:
    """Say whether a row is of the data set that a mapping is for."""
    for name, values in mapping.rows.where.items():
        if _letters(row[columns[name]]) not in {_letters(str(value)) for value in values}:
            return False
    identifier = cells.tidy(row[columns[mapping.identifier.column]])
    begins = mapping.rows.identifier
    return not begins or cells.is_missing(identifier) or bool(re.match(begins, identifier, re.IGNORECASE))


def _visit(
    reading: TableReading, columns: dict[str, int], row: tuple[str, ...], number: int, key: str
) -> str | None:
    stated = reading.mapping.visit
    if stated is None or stated.column not in columns:
        return None
    written = cells.tidy(row[columns[stated.column]])
    codes = {plain(code): visit for code, visit in stated.codes.items()}
    visit = codes.get(plain(written), written.upper() if not codes else "")
    if visit in VISITS:
        return visit
    if visit != "missing":
        what, remedy = (
            f"is none of {', '.join(VISITS)}",
            "Correct it, or say in the codes of [visit] what it means",
        )
        where, at = reading.table.source, stated.column
        reading.problems.append(
            warning("FC140", where, what, remedy, row=number, column=at, value=written, patient=key)
        )
    return None


def _decimal(
    table: Table, mapping: TableMapping, columns: dict[str, int], variable: Variable
) -> cells.Decimal | None:
    """Return the decimal mark of a variable's numbers; where they do not tell, the table's; None if nothing does."""

    def places(variables: Iterable[Variable]) -> set[int]:
        return {columns[column] for v in variables for column in v.columns if column in columns}

    numeric = [v for _, name, v in mapping.variables() if KINDS[name] == "number"]
    for at in (places([variable]), places(numeric)):
        numbers = [cells.tidy(row[place]) for _, row in table.rows for place in at]
        comma = any(_DECIMAL_COMMA.match(text) for text in numbers)
        # 14.700 beside 3,5 is fourteen thousand; alone it is as likely 14.7.
        point = any(_DECIMAL_POINT.match(text) and not _THOUSANDS.match(text) for text in numbers)
        if comma != point:
            return "," if comma else "."
    return None


def _read_variable(
    reading: TableReading,
    columns: dict[str, int],
    rows: list[_Row],
    visit: str | None,
    name: str,
    variable: Variable,
    decimal: cells.Decimal | None,
) -> None:
    where, mapping = reading.table.source, reading.mapping
    title = variable.columns[0]
    problems: list[Problem] = []
    values: list[tuple[_Row, Said]] = []
    numbers: dict[str | None, list[float]] = defaultdict(list)
    for row in rows:
        at = row.visit if visit == "*" else visit
        if visit == "*" and at is None:
            continue
        written = [cells.tidy(row.cells[columns[column]]) for column in variable.columns]
        place = Place(reading.table.where, row.number, title)
        shown = " / ".join(written)
        try:
            value = value_of(
                name, variable, mapping, dict(zip(variable.columns, written, strict=True)), decimal
            )
        except Pending:
            reading.pending += 1
            continue
        except Unsure as wrong:
            if wrong.number is not None:
                numbers[at].append(wrong.number)
            make = error if name == "pcr" else warning
            problems.append(
                make(wrong.code, where, wrong.what, wrong.remedy, row=row.number, column=title, value=shown,
                     patient=row.key)
            )  # fmt: skip
            continue
        if value is None:
            continue
        values.append((row, Said(value, place, shown)))
        if isinstance(value, float):
            numbers[at].append(value)
    if len(problems) >= _WRONG_COUNT and len(problems) > _WRONG_SHARE * (len(problems) + len(values)):
        example = problems[0]
        what = f"{example.what}, and so on: {len(problems)} of {len(problems) + len(values)} values cannot be used"
        remedy = (
            f"Correct the column, unit or codes of {name} in the mapping; nothing of the column was taken"
        )
        reading.problems.append(
            error("FC143", where, what, remedy, row=example.row, column=title, value=example.value)
        )
        return
    reading.problems += problems
    if problem := implausible(where, name, variable, title, numbers):
        reading.problems.append(problem)
        return
    for row, said in values:
        reading.said[row.key].setdefault((row.visit if visit == "*" else visit, name), []).append(said)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _spelling(identifier: str) -> str:
    return re.sub(r"\.0+$", "", identifier)
