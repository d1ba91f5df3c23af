"""Columns of free text, ``race`` and ``arm``: copied as they are, but for cells that look as if they name a person."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from fedchemo.client.cohort.problems import Problem, warning
from fedchemo.shared.clinical.schema import SCHEMA

COLUMNS = tuple(column.name for column in SCHEMA if column.kind == "text")

# A number as long as a record's, a DICOM name, an address of mail, a date: none is a race or a treatment arm.
_PERSONAL = re.compile(r"\d{5}|\^|@|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}")
# Shorter identifiers are found in ordinary words.
_SHORTEST = 4


def without_persons(
    clinical: pd.DataFrame, identifiers: Collection[str]
) -> tuple[pd.DataFrame, list[Problem], dict[str, list[str]]]:
    """Empty cells of free text that look as if they name a person.

    A name alone cannot be told from a word. So values that one patient alone has are said, and the report lists them.

    Args:
        clinical: a clinical frame by join key.
        identifiers: of patients, as tables and images have them.

    Returns:
        The frame, a warning for each cell, and column to its values, sorted.
    """
    known = {identifier.casefold() for identifier in identifiers if len(identifier) >= _SHORTEST}
    cleaned = clinical.copy()
    problems = []
    values: dict[str, list[str]] = {}
    for column in COLUMNS:
        if column not in cleaned:
            continue
        cells = cleaned[column]
        for key, cell in cells[cells.notna()].items():
            text = str(cell).casefold()
            if _PERSONAL.search(text) or any(identifier in text for identifier in known):
                cleaned.loc[key, column] = None
                what, remedy = f"{column} looks as if it named a person; left empty", "Correct the cell"
                problems.append(
                    warning("FC159", "table", what, remedy, column=column, value=str(cell), patient=str(key))
                )
        counts = cleaned[column].value_counts()
        if rare := int((counts == 1).sum()):
            what = f"{rare} of {len(counts)} values of {column} are one patient's alone and were copied as written"
            remedy = "Make sure that none is a name; the report lists them"
            problems.append(warning("FC159", "table", what, remedy, column=column))
        values[column] = sorted({str(cell) for cell in cleaned[column].dropna()})
    return cleaned, problems, values
