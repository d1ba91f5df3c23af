"""The mappings of published tables, recognised by their header."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from fedchemo.client.importing.tables.extract import selected
from fedchemo.client.importing.tables.grids import Grid
from fedchemo.client.importing.tables.header import Table, candidates, find_columns, present
from fedchemo.client.importing.tables.mapping import TableMapping
from fedchemo.shared.errors import FedchemoError

_PACKAGE = "fedchemo.client.importing.tables"


@cache
def shipped() -> dict[str, TableMapping]:
    """Return name -> mapping, such as ``ispy2-clinical``, sorted."""
    folder = resources.files(_PACKAGE) / "mappings"
    return {
        file.name.removesuffix(".toml"): TableMapping.model_validate(tomllib.loads(file.read_text("utf-8")))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    }


def shipped_mapping(name: str) -> TableMapping:
    """Return one of the shipped mappings.

    Raises:
        FedchemoError: FC135 if there is none of that name.
    """
    try:
        return shipped()[name]
    except KeyError as unknown:
        raise FedchemoError("FC135", f"no mapping {name}; there are {', '.join(shipped())}") from unknown


def recognise(grid: Grid) -> list[tuple[TableMapping, Table]]:
    """Return the shipped mappings whose table a sheet is, with its header found.

    Of mappings for parts of one table, those whose part is in it.
    """
    found = []
    for mapping in shipped().values():
        if (table := fitting(grid, mapping, mapping.recognise.columns)) is None:
            continue
        if present(table, mapping.recognise.absent):
            continue
        columns, _ = find_columns(table, mapping)
        if mapping.identifier.column in columns and all(name in columns for name in mapping.rows.where):
            parted = mapping.rows.identifier or mapping.rows.where
            if not parted or any(_counts(row, mapping, columns) for _, row in table.rows):
                found.append((mapping, table))
    return found


def fitting(grid: Grid, mapping: TableMapping, needed: tuple[str, ...]) -> Table | None:
    """Return the sheet with the header in which a mapping's identifier and these columns stand, or None."""
    if mapping.sheet and grid.sheet is not None and mapping.sheet.casefold() != grid.sheet.strip().casefold():
        return None
    wanted = (mapping.identifier.column, *needed)
    return next((table for table in candidates(grid, mapping) if present(table, wanted) == len(wanted)), None)


def _counts(row: tuple[str, ...], mapping: TableMapping, columns: dict[str, int]) -> bool:
    return bool(row[columns[mapping.identifier.column]].strip()) and selected(row, mapping, columns)
