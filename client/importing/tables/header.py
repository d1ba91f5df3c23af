"""Where the header of a sheet stands, and which column a name means."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.tables.grids import Grid
from fedchemo.client.importing.tables.mapping import TableMapping

_SEARCHED = 25
"""Titles, logos and remarks above a header take fewer rows than this."""
_BETWEEN = " | "


@dataclass(frozen=True)
class Table:
    """A sheet with its header found.

    Attributes:
        file: where it stands.
        sheet: its name; None where the file has only one.
        header: the number of the header's first row.
        names: for each column what is written in its rows of the header, from top to bottom, without empty ones.
        rows: the number of a row and its cells, as many as there are columns; empty rows are left away.
        broken: rows with more or fewer cells than the header, as they are.
    """

    file: Path
    sheet: str | None
    header: int
    names: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    broken: tuple[tuple[int, tuple[str, ...]], ...] = ()

    @property
    def where(self) -> str:
        """The file's name, and the sheet's where there are several."""
        return self.file.name if self.sheet is None else f"{self.file.name} ({self.sheet})"

    @property
    def source(self) -> str:
        """The file with its path, and the sheet."""
        return str(self.file) if self.sheet is None else f"{self.file} ({self.sheet})"

    def places(self, reference: str) -> list[int]:
        """Return the columns that a name means: all of its header, or one row of it; case and spaces do not count."""
        wanted = plain(reference)
        exact = [
            place
            for place, names in enumerate(self.names)
            if _spaced(reference) in {_spaced(_whole(names)), *map(_spaced, names)}
        ]
        if len(exact) == 1:
            return exact
        return [
            place
            for place, names in enumerate(self.names)
            if wanted in {plain(_whole(names)), *map(plain, names)}
        ]

    def title(self, place: int) -> str:
        """Return a column's name for messages: the lowest row that says something, without its line breaks."""
        names = self.names[place]
        return _whole(names) if len(names) <= 2 else _BETWEEN.join(names[:2])


def plain(name: str) -> str:
    """Return a name as it is compared."""
    return _spaced(name).casefold()


def table_of(grid: Grid, first: int, count: int) -> Table | None:
    """Return a sheet whose header takes ``count`` rows from row ``first`` (from 1), or None if there is none."""
    header = grid.rows[first - 1 : first - 1 + count]
    if len(header) < count or not any(cell.strip() for row in header for cell in row):
        return None
    width = max(_width(row) for row in header)
    names = tuple(_column_names(header, place) for place in range(width))
    rows, broken = [], []
    for number, row in enumerate(grid.rows[first - 1 + count :], start=first + count):
        if not any(cell.strip() for cell in row):
            continue
        if grid.ragged and (len(row) < width or any(cell.strip() for cell in row[width:])):
            broken.append((number, row))
        else:
            rows.append((number, row[:width]))
    return Table(grid.file, grid.sheet, first, names, tuple(rows), tuple(broken))


def candidates(grid: Grid, mapping: TableMapping) -> Iterator[Table]:
    """Iterate over the ways to read a sheet's header that a mapping allows."""
    if mapping.header is not None:
        starts: Sequence[int] = (mapping.header[0],)
        count = len(mapping.header)
    else:
        starts, count = range(1, min(_SEARCHED, len(grid.rows)) + 1), 1
    for first in starts:
        table = table_of(grid, first, count)
        if table is not None:
            yield table


def present(table: Table, columns: Sequence[str]) -> int:
    """Return how many of these columns a table has."""
    return sum(bool(table.places(column)) for column in columns)


def find_columns(table: Table, mapping: TableMapping) -> tuple[dict[str, int], list[Problem]]:
    """Return name in the mapping -> column, and what is absent or there twice (FC136)."""
    found: dict[str, int] = {}
    problems = []
    optional = [column for _, _, v in mapping.variables() if v.optional for column in v.columns]
    required = mapping.required()
    for name in dict.fromkeys([*required, *optional]):
        places = table.places(name)
        if len(places) == 1:
            found[name] = places[0]
        elif len(places) > 1:
            remedy = "Rename one of them, or write the whole header, such as Group | Name, in the mapping"
            what = f"is the name of {len(places)} columns"
            problems.append(error("FC136", table.source, what, remedy, row=table.header, column=name))
        elif name in required:
            everything = [title for names in table.names for title in names]
            near = difflib.get_close_matches(name, everything, n=1)
            remedy = (
                f"Is it {near[0]!r} now? Correct the mapping" if near else "Correct the mapping or the table"
            )
            remedy += ", or write optional = true"
            problems.append(
                error("FC136", table.source, "is not there", remedy, row=table.header, column=name)
            )
    return found, problems


def _spaced(name: str) -> str:
    return " ".join(name.split())


def _whole(names: tuple[str, ...]) -> str:
    return _BETWEEN.join(names)


def _width(row: tuple[str, ...]) -> int:
    return max((place + 1 for place, cell in enumerate(row) if cell.strip()), default=0)


def _column_names(header: Sequence[tuple[str, ...]], place: int) -> tuple[str, ...]:
    names = []
    for level, row in enumerate(header):
        cell = row[place] if place < len(row) else ""
        # A group's name stands in the first of its columns, above the lowest row.
        if not cell.strip() and level < len(header) - 1 and level == 0:
            cell = next(
                (row[left] for left in range(min(place, len(row) - 1), -1, -1) if row[left].strip()), ""
            )
        if cell.strip():
            names.append(cell)
    return tuple(names)
