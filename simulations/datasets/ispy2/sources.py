"""The four tables of I-SPY2, read as a hospital's tables are: by the mappings that the client ships for them.

A hospital sets a patient aside whose rows have an error and goes on. A published table is what every study is compared
on, so here any problem ends the loading, with all of them told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fedchemo.client.cohort.problems import Problem
from fedchemo.client.importing.tables.combine import Combined, combine
from fedchemo.client.importing.tables.extract import TableReading, extract
from fedchemo.client.importing.tables.grids import read_grids
from fedchemo.client.importing.tables.mapping import TableMapping
from fedchemo.client.importing.tables.shipped import fitting, shipped_mapping
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.ispy2 import cells

_T = TypeVar("_T")

# Another encoding than UTF-8, and rows below the table that name no patient, are how these tables are published.
_AS_PUBLISHED = {"FC133", "FC137"}


@dataclass(frozen=True)
class Sheet:
    """MAMA-MIA's sheet, of several releases the tidiest, and what it alone says.

    Attributes:
        reading: its clinical variables.
        site: patient -> hospital; None where it names none.
        vendor: patient -> the scanner's maker.
        times: patient -> seconds of the phases after the first.
    """

    reading: TableReading
    site: dict[str, str | None]
    vendor: dict[str, str | None]
    times: dict[str, tuple[float, ...] | None]

    @property
    def path(self) -> Path:
        """The file."""
        return self.reading.table.file


def read_table(path: Path, mapping: str) -> TableReading:
    """Read a published table by a shipped mapping.

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    stated = shipped_mapping(mapping)
    grids, problems = read_grids(path)
    reading = None
    if grids:
        found = next((table for grid in grids if (table := fitting(grid, stated, ()))), None)
        if found is None:
            raise FedchemoError("FC703", f"{path}: no column {stated.identifier.column}")
        reading = extract(found, stated)
        problems += reading.problems
    told = [_told(problem, stated) for problem in problems if problem.code not in _AS_PUBLISHED]
    if told or reading is None:
        raise FedchemoError("FC703", f"{path}: {'; '.join(told)}")
    return reading


def read_sheet(paths: Sequence[Path]) -> Sheet:
    """Read MAMA-MIA's sheet; of several releases the tidiest, which is the latest.

    An earlier release has a space behind every hospital's code.

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    readings = [read_table(path, "mama-mia-ispy2") for path in paths]
    chosen = min(readings, key=lambda reading: (_spaces(reading), str(reading.table.file)))
    return Sheet(
        chosen,
        site=_column(chosen, "site", cells.site),
        vendor=_column(chosen, "manufacturer", cells.vendor),
        times=_column(chosen, "acquisition_times", cells.seconds),
    )


def require_agreement(readings: Sequence[TableReading]) -> Combined:
    """Return what the tables say together.

    Raises:
        FedchemoError: FC704 with every contradiction: patient, variable, and what each table says.
    """
    combined = combine(readings)
    if combined.contradictions:
        told = []
        for found in combined.contradictions:
            each = ", ".join(f"{_number(said.value)} in {said.place.where}" for said in found.said)
            told.append(f"patient {found.patient}, {found.variable}: {each}")
        raise FedchemoError("FC704", "; ".join(told))
    return combined


def _told(problem: Problem, mapping: TableMapping) -> str:
    match problem.code:
        case "FC136" if problem.what == "is not there":
            return f"no column {problem.column}"
        case "FC138" | "FC136" | "FC143" | "FC144":
            return f"{problem.column} {problem.value or ''} {problem.what}"
        case "FC139":
            return f"patient {problem.patient} occurs twice"
        case _ if problem.patient is not None and problem.column != mapping.identifier.column:
            return f"patient {problem.patient}, {problem.column}: {_number(problem.value)} {problem.what}"
        case _:
            return problem.what


def _column(reading: TableReading, name: str, meaning: Callable[[str], _T]) -> dict[str, _T]:
    try:
        column = reading.column(name)
    except KeyError as absent:
        raise FedchemoError("FC703", f"{reading.table.file}: no column {name}") from absent
    values: dict[str, _T] = {}
    told = []
    for patient, cell in column.items():
        try:
            values[patient] = meaning(cell)
        except ValueError:
            told.append(f"patient {patient}, {name}: {cell!r}")
    if told:
        raise FedchemoError("FC703", f"{reading.table.file}: {'; '.join(told)}")
    return values


def _spaces(reading: TableReading) -> int:
    """Return how many hospitals' codes have spaces around them."""
    return sum(cell != cell.strip() for cell in _column(reading, "site", str).values())


def _number(value: object) -> str:
    """Return a number as it is written, a word in quotes."""
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return repr(value)
