"""Tables in, one cohort out: every problem in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.tables.combine import Combined, combine
from fedchemo.client.importing.tables.contract import ImportedTables, Joining
from fedchemo.client.importing.tables.extract import TableReading, extract
from fedchemo.client.importing.tables.grids import Grid, read_grids
from fedchemo.client.importing.tables.header import Table, present
from fedchemo.client.importing.tables.mapping import MEASURED, TableMapping, read_mapping
from fedchemo.client.importing.tables.shipped import fitting, recognise, shipped
from fedchemo.shared.clinical.schema import SCHEMA, empty_frame

VISIT_COLUMNS = ("patient_id", "visit", *MEASURED, "date")
_GUESS = "Run `fedchemo data import --guess` on it, and pass the mapping that it writes with --columns"

Choice = tuple[TableMapping, Table]


def read_tables(
    files: Sequence[Path], *, mappings: Sequence[Path] = (), joining: Joining | None = None
) -> ImportedTables:
    """Read tables by their mappings and join them.

    Args:
        files: CSV, TSV, XLSX, XLS or Parquet; every sheet of a workbook is looked at.
        mappings: ``columns.toml`` files, or names of shipped mappings such as ``ispy2-clinical``. A sheet is read by
            the one that names its columns; else by the shipped mapping that recognises it.
        joining: the rule by which identifiers are joined, instead of the mappings'.

    Returns:
        The cohort, with everything that is wrong: FC130 to FC148. It never raises for what stands in a file.
    """
    problems: list[Problem] = []
    given = []
    for path in mappings:
        mapping, found = _mapping(path)
        problems += found
        if mapping is not None:
            given.append(mapping)
    grids: list[list[Grid]] = []
    for path in dict.fromkeys(files):
        sheets, found = read_grids(path)
        problems += found
        grids.append(sheets)
    # Without the mapping that somebody wrote a table would be read by another, and problems follow from that.
    broken = len(given) < len(mappings)
    chosen, found = ([], []) if broken else choose(grids, given)
    problems += found
    if joining is not None:
        identifier = {
            "join": joining.kind,
            "digits": joining.digits,
            "pattern": joining.pattern,
            "pad": joining.pad,
        }
        chosen = [
            (m.model_copy(update={"identifier": m.identifier.model_copy(update=identifier)}), table)
            for m, table in chosen
        ]
    readings = [extract(table, mapping) for mapping, table in chosen]
    return joined(readings, problems)


def choose(
    grids: Sequence[Sequence[Grid]], given: Sequence[TableMapping]
) -> tuple[list[Choice], list[Problem]]:
    """Return which sheets are read, by which mapping, and the files for which there is none (FC135)."""
    options: list[tuple[Grid, list[Choice]]] = []
    problems: list[Problem] = []
    for sheets in grids:
        found = [(grid, _options(grid, given)) for grid in sheets]
        if sheets and not any(choices for _, choices in found):
            what = "has a header that no mapping knows"
            if given:
                named = ", ".join(dict.fromkeys(mapping.identifier.column for mapping in given))
                what += f"; those given look for the identifier in {named}"
            problems.append(error("FC135", sheets[0].file, what, _GUESS))
        options += [(grid, choices) for grid, choices in found if choices]
    tried = [mapping for _, choices in options for mapping, _ in choices]
    for mapping in given if any(grids) else ():
        if not any(mapping is one for one in tried):
            what = f"is for none of the tables ({mapping.title}): its identifier or most of its columns are not there"
            problems.append(error("FC135", "the mapping", what, "Correct its columns, or give its table"))
    # A sheet of several data sets is read for the one that the other tables are about.
    settled = {choices[0][0].identifier.joining for _, choices in options if len(choices) == 1}
    chosen: list[Choice] = []
    for grid, choices in options:
        if len(choices) > 1 and not all(mapping in given for mapping, _ in choices):
            fitting_others = [choice for choice in choices if choice[0].identifier.joining in settled]
            if len(fitting_others) != 1:
                names = [name for name, mapping in shipped().items() if any(mapping is m for m, _ in choices)]
                what = f"has rows of several data sets, or fits several mappings: {', '.join(names)}"
                problems.append(error("FC135", grid.file, what, "Name the one that is meant with --columns"))
                continue
            choices = fitting_others  # noqa: PLW2901 - narrowed
        chosen += choices
    return chosen, problems


def _options(grid: Grid, given: Sequence[TableMapping]) -> list[Choice]:
    mine = []
    for mapping in given:
        if mapping.file and not fnmatch(grid.file.name.casefold(), mapping.file.casefold()):
            continue
        table = fitting(grid, mapping, ())
        needed = mapping.required()
        # A mapping that shares hardly more than the name of the identifier's column is for another table.
        if table is not None and 2 * present(table, needed) > len(needed):
            mine.append((present(table, needed), mapping, table))
    if not mine:
        return recognise(grid)
    best = max(score for score, _, _ in mine)
    return [(mapping, table) for score, mapping, table in mine if score == best]


def joined(readings: Sequence[TableReading], problems: Sequence[Problem] = ()) -> ImportedTables:
    """Join tables that were read.

    Args:
        readings: of the tables, the most trusted first.
        problems: found before.
    """
    everything = [*problems, *(problem for reading in readings for problem in reading.problems)]
    rules = list(dict.fromkeys(reading.joining for reading in readings))
    if len(rules) > 1:
        said = "; ".join(f"{reading.table.where}: {reading.joining.rule}" for reading in readings)
        what = f"are joined by different rules ({said})"
        everything.append(
            error("FC146", "the tables", what, "State one rule under [identifier] in every mapping")
        )
        readings = []
    combined = combine(readings)
    everything += [contradiction.problem() for contradiction in combined.contradictions]
    everything += _strangers(readings)
    aside = {problem.patient for problem in everything if problem.severity == "error" and problem.patient}
    places: dict[str, str] = {}
    for reading in readings:
        for patient, rows in reading.rows.items():
            places.setdefault(patient, f"{reading.table.where} row {rows[0]}")
    kept = [patient for patient in sorted(places) if patient not in aside]
    return ImportedTables(
        clinical=_clinical(kept, combined),
        visits=_visits(kept, combined),
        places=places,
        join=rules[0] if rules else Joining(),
        problems=tuple(everything),
        notes=_notes(readings, len(kept), len(places)),
        absent={
            reading.table.where: missing
            for reading in readings
            if (missing := tuple(sorted(set(places) - set(reading.rows))))
        },
    )


def _mapping(path: Path) -> tuple[TableMapping | None, list[Problem]]:
    if not path.exists() and str(path) in shipped():
        return shipped()[str(path)], []
    return read_mapping(path)


def _strangers(readings: Sequence[TableReading]) -> list[Problem]:
    """Find tables that have no patient in common with any other (FC147)."""
    problems = []
    for reading in readings:
        others = {patient for other in readings if other is not reading for patient in other.rows}
        mine = set(reading.rows)
        if not mine or not others or mine & others:
            continue
        stripped = {patient.lstrip("0") for patient in mine} & {patient.lstrip("0") for patient in others}
        what = "has no patient in common with the other tables"
        if stripped:
            what += f"; without leading zeros there would be {len(stripped)}"
        remedy = "Check the identifiers; join = 'zero-padded' restores zeros that a spreadsheet dropped"
        problems.append(
            warning("FC147", reading.table.source, what, remedy, column=reading.mapping.identifier.column)
        )
    return problems


def _clinical(kept: list[str], combined: Combined) -> pd.DataFrame:
    frame = empty_frame(kept)
    for column in SCHEMA[1:]:
        values = [combined.values[patient].get((None, column.name)) for patient in kept]
        if column.kind in {"binary", "number"}:
            frame[column.name] = pd.Series(
                [float("nan") if value is None else value for value in values], index=frame.index, dtype=float
            )
        else:
            frame[column.name] = pd.Series(values, index=frame.index, dtype=object)
    return frame


def _visits(kept: list[str], combined: Combined) -> pd.DataFrame:
    rows = []
    for patient in kept:
        said = combined.values[patient]
        for visit in sorted({visit for visit, _ in said if visit is not None}):
            measured = [said.get((visit, name), float("nan")) for name in MEASURED]
            rows.append((patient, visit, *measured, said.get((visit, "date"))))
    frame = pd.DataFrame(rows, columns=list(VISIT_COLUMNS))
    kinds: dict[str, type] = {"patient_id": object, "visit": object, "date": object}
    return frame.astype(kinds | dict.fromkeys(MEASURED, float))


def _notes(readings: Sequence[TableReading], kept: int, known: int) -> tuple[str, ...]:
    notes = []
    for reading in readings:
        said = Counter(name for patient in reading.said.values() for name in {name for _, name in patient})
        taken = ", ".join(f"{name} of {said[name]}" for name in said)
        notes.append(
            f"{reading.table.where}: read as {reading.mapping.title}; {len(reading.rows)} patients by "
            f"{reading.joining.rule}; {taken or 'no value'}."
        )
        units = {
            f"{name} from {variable.unit}"
            for _, name, variable in reading.mapping.variables()
            if variable.unit is not None and variable.unit not in {"years", "cm3", "mm", "fraction"}
        }
        if units:
            notes.append(f"{reading.table.where}: converted {', '.join(sorted(units))}.")
        if lacking := [
            column
            for _, _, variable in reading.mapping.variables()
            if variable.optional
            for column in variable.columns
            if not reading.table.places(column)
        ]:
            notes.append(
                f"{reading.table.where}: without the optional columns {', '.join(dict.fromkeys(lacking))}."
            )
        if reading.left:
            notes.append(f"{reading.table.where}: {reading.left} rows of other data sets left out.")
        if reading.pending:
            notes.append(
                f"{reading.table.where}: {reading.pending} outcomes are pending, kept for prediction."
            )
    everyone = {patient for reading in readings for patient in reading.rows}
    notes += [
        f"{reading.table.where}: {len(everyone - set(reading.rows))} patients of other tables are not in it."
        for reading in readings
        if everyone - set(reading.rows)
    ]
    if readings:
        notes.append(f"{kept} patients of {known} can be used.")
    return tuple(notes)
