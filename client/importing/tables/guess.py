"""A proposal of ``columns.toml`` for a table that nobody has seen: to be read by a person, then used."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.tables import cells, spellings
from fedchemo.client.importing.tables.cells import NotUnderstood
from fedchemo.client.importing.tables.extract import TableReading, extract
from fedchemo.client.importing.tables.grids import Grid, read_grids
from fedchemo.client.importing.tables.header import Table, table_of
from fedchemo.client.importing.tables.mapping import KINDS, MEASURED, TableMapping
from fedchemo.client.importing.tables.plausible import USUAL
from fedchemo.client.importing.tables.proposal import Proposal, as_toml, column_of, content
from fedchemo.client.importing.tables.shipped import recognise, shipped
from fedchemo.client.importing.tables.units import FACTORS

if TYPE_CHECKING:
    from rich.console import Group

_FEW = 12
_HEADER_ROWS = 25


@dataclass(frozen=True)
class Guess:
    """What is proposed for a file.

    Attributes:
        file: the table.
        columns_toml: the proposal as text, with what is unsure in comments; empty if nothing can be proposed.
        known: the name of the shipped mapping that recognises the table; then no mapping need be written.
        readings: what the table says by the proposal.
        proposals: how each variable was found; empty for a known table.
        unused: columns that nothing was found for.
        problems: why nothing can be proposed, or what is wrong with the file.
    """

    file: Path
    columns_toml: str = ""
    known: str | None = None
    readings: tuple[TableReading, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    unused: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def show(self) -> Group:
        """Return what the proposal would do, to be printed with rich."""
        from fedchemo.client.importing.tables.guess_view import view

        return view(self)


def guess(file: Path) -> Guess:
    """Propose a mapping for a table, by names of columns in several spellings, by values, ranges and units.

    Nothing is imported by it. A table that a shipped mapping recognises needs none, and it is said.
    """
    grids, problems = read_grids(file)
    if not grids:
        return Guess(file, problems=tuple(problems))
    for grid in grids:
        if found := recognise(grid):
            names = [name for name, mapping in shipped().items() if mapping is found[0][0]]
            readings = tuple(extract(table, mapping) for mapping, table in found)
            return Guess(file, known=names[0], readings=readings, problems=tuple(problems))
    best: tuple[list[Proposal], Table, int] | None = None
    for grid in grids:
        table = _table(grid)
        identifier = None if table is None else _identifier(table)
        if table is None or identifier is None:
            continue
        found_here = _propose(table, identifier)
        if found_here and (best is None or len(found_here) > len(best[0])):
            best = found_here, table, identifier
    if best is None:
        what = "has no column of unique identifiers beside one with a variable that is known"
        remedy = "Write a mapping by hand; the shipped ones are examples"
        return Guess(file, problems=(*problems, error("FC149", file, what, remedy)))
    proposals, table, identifier = best
    text = as_toml(table, identifier, proposals)
    try:
        mapping = TableMapping.model_validate(content(table, identifier, proposals))
    except ValidationError as wrong:
        what = f"has names that no mapping can hold: {wrong.errors()[0]['msg']}"
        return Guess(file, problems=(*problems, error("FC149", file, what, "Shorten the header's names")))
    used = {table.names[identifier][-1], *(column for _, _, v in mapping.variables() for column in v.columns)}
    if mapping.visit:
        used.add(mapping.visit.column)
    return Guess(
        file,
        columns_toml=text,
        readings=(extract(table, mapping),),
        proposals=tuple(proposals),
        unused=tuple(names[-1] for names in table.names if names and names[-1] not in used),
        problems=tuple(problems),
    )


def _table(grid: Grid) -> Table | None:
    """Return the sheet by its likeliest header: the row with the most different words above rows of the same width."""
    best: tuple[int, int] | None = None
    for number, row in enumerate(grid.rows[:_HEADER_ROWS], start=1):
        words = [cell.strip() for cell in row if cell.strip()]
        named = {word for word in words if not re.fullmatch(r"[\d.,+-]+", word)}
        score = len(named) if len(named) == len(words) else 0
        if score >= 2 and (best is None or score > best[0]):
            best = score, number
    return None if best is None else table_of(grid, best[1], 1)


def _identifier(table: Table) -> int | None:
    def unique(place: int) -> bool:
        found = column_of(table, place)
        return len(found) >= 0.5 * len(table.rows) and len(set(found)) == len(found) > 0

    names = [spellings.simplified(names[-1]) if names else "" for names in table.names]
    called = [place for place, name in enumerate(names) if spellings.IDENTIFIER.search(name)]
    repeated = [place for place in called if column_of(table, place)]
    fraction = re.compile(r"\d*\.\d+")
    others = [
        p for p, _ in enumerate(names) if unique(p) and not any(map(fraction.fullmatch, column_of(table, p)))
    ]
    return next((p for p in called if unique(p)), next(iter(repeated), next(iter(others), None)))


def _propose(table: Table, identifier: int) -> list[Proposal]:
    names = {
        place: spellings.simplified(names[-1])
        for place, names in enumerate(table.names)
        if names and place != identifier and len(table.places(names[-1])) == 1
    }
    names = {
        p: name for p, name in names.items() if not spellings.NOT_MEANT.search(name) and column_of(table, p)
    }
    by_visit = next((p for p, name in names.items() if spellings.VISIT_COLUMN.search(name)), None)
    taken: set[tuple[str | None, str]] = set()
    proposals = []
    for variable, pattern in spellings.NAMES.items():
        for place, name in names.items():
            if not pattern.search(name) or place == by_visit:
                continue
            if variable in MEASURED:
                visit: str | None = "*" if by_visit is not None else spellings.visit_named(name) or "T0"
            else:
                visit = None
            if (visit, variable) in taken:
                continue
            proposal = _variable(table, place, visit, variable, name)
            if proposal is not None:
                proposals.append(proposal)
                taken.add((visit, variable))
    if (None, "hr") not in taken and (either := _receptors(table, names)):
        proposals.append(either)
    if by_visit is not None:
        proposals.append(_visit_column(table, by_visit))
    has_values = any(proposal.variable != "visit" for proposal in proposals)
    if not any(proposal.visit == "*" for proposal in proposals):
        proposals = [proposal for proposal in proposals if proposal.variable != "visit"]
    return proposals if has_values else []


def _variable(table: Table, place: int, visit: str | None, variable: str, name: str) -> Proposal | None:
    column = table.names[place][-1]
    found = column_of(table, place)
    settings: dict[str, Any] = {"column": column}
    unsure: list[str] = []
    unknown: dict[str, int] = {}
    reason = "by its name"
    if variable in MEASURED and visit == "T0" and spellings.visit_named(name) is None:
        unsure.append("the name says no visit; T0 is assumed")
    match KINDS[variable]:
        case "number":
            numbers = _numbers(found)
            if len(numbers) < 0.5 * len(found):
                return None
            unit, by = _unit(variable, column, numbers)
            settings["unit"] = unit
            reason += f"; unit {by}"
            if "assumed" in by:
                unsure.append("check the unit")
        case "binary":
            codes, unknown = _codes(found, variable)
            if len(set(found)) > _FEW:
                return None
            if codes:
                settings["codes"] = codes
                unsure.append("check the codes")
        case "category":
            understood, unknown = _categories(found, variable)
            if not understood and len(set(found)) > _FEW:
                return None
        case _:
            pass
    if unknown:
        unsure.append("say what these codes mean")
    if variable == "race" and "ethnic" in name:
        unsure.append("ethnicity is often Hispanic or not, which is no race")
    return Proposal(visit, variable, settings, reason, "; ".join(unsure), unknown)


def _receptors(table: Table, names: dict[int, str]) -> Proposal | None:
    places = [
        next((p for p, name in names.items() if pattern.search(name)), None)
        for pattern in spellings.RECEPTORS
    ]
    if None in places:
        return None
    columns = [table.names[place][-1] for place in places if place is not None]
    found = [cell for place in places if place is not None for cell in column_of(table, place)]
    if len(set(found)) > _FEW:
        return None
    codes, unknown = _codes(found, "hr")
    settings: dict[str, Any] = {"any_of": columns} | ({"codes": codes} if codes else {})
    unsure = "say what these codes mean" if unknown else "check the codes" if codes else ""
    return Proposal(
        None, "hr", settings, "by the names of oestrogen and progesterone receptor", unsure, unknown
    )


def _visit_column(table: Table, place: int) -> Proposal:
    found = Counter(column_of(table, place))
    codes = {written: spellings.visit_named(spellings.simplified(written)) for written in found}
    known = {written: visit for written, visit in codes.items() if visit}
    if not known and set(found) <= {"0", "1", "2", "3"}:
        known = {written: f"T{written}" for written in found}
    unknown = {written: count for written, count in found.items() if written not in known}
    settings = {"column": table.names[place][-1], "codes": dict(sorted(known.items()))}
    return Proposal(None, "visit", settings, "by its name", "check which visit is which", unknown)


def _numbers(found: Sequence[str]) -> list[float]:
    comma = any(re.fullmatch(r"\d+,\d{1,2}", cell) for cell in found)
    numbers = []
    for cell in found:
        try:
            numbers.append(cells.number_and_unit(cell, "," if comma else None)[0])
        except NotUnderstood:
            continue
    return [number for number in numbers if number not in cells.SENTINELS]


def _unit(variable: str, column: str, numbers: list[float]) -> tuple[str, str]:
    """Return a unit and how it was found: in the name, or as the one that makes the middle value usual."""
    units = FACTORS[variable]
    for pattern, unit in spellings.UNIT_IN_NAME:
        if pattern.search(column.casefold()) and unit in units:
            if unit == "days" and statistics.median(numbers or [0]) < 0:
                return "days to birth", "by the name and negative days"
            return unit, "by the name"
    some = [number for number in numbers if number != 0]
    if some:
        low, high = USUAL[variable]
        middle = statistics.median(some)
        fit = [unit for unit, factor in units.items() if low <= middle * factor <= high]
        if len(fit) == 1:
            return fit[
                0
            ], f"assumed from the values, of which the middle one would be {middle * units[fit[0]]:.3g}"
    return next(iter(units)), "assumed, since the values do not tell"


def _codes(found: Sequence[str], variable: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the codes that need a meaning, and those whose meaning is not known."""
    counts = Counter(cell.casefold() for cell in found)
    plain: dict[str, int] = {}
    special: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for word, count in sorted(counts.items()):
        if variable == "pcr" and word in cells.PENDING:
            continue
        try:
            plain[word] = int(cells.binary(word, variable))
        except NotUnderstood:
            if word in spellings.YES or word in spellings.NO:
                special[word] = int(word in spellings.YES)
            else:
                unknown[word] = count
    return ({**plain, **special} if special or unknown else {}), unknown


def _categories(found: Sequence[str], variable: str) -> tuple[int, dict[str, int]]:
    understood = 0
    unknown: dict[str, int] = {}
    for word, count in Counter(found).items():
        try:
            (cells.menopause if variable == "menopause" else cells.split)(word)
            understood += count
        except NotUnderstood:
            unknown[word] = count
    return understood, unknown
