"""The columns of a site's tables as they stand in the file, with those that reading ignores."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort import Problem
from fedchemo.client.cohort.problems import warning

# Words in a column's name that speak of a person, in the languages of most hospitals that were looked at.
_PERSONAL = re.compile(
    r"(^|_)(name|surname|firstname|lastname|forename|nachname|vorname|nom|prenom|nombre|apellidos?|mrn|medical_record"
    r"|record_number|dob|birth\w*|geburt\w*|naissance|nacimiento|address|adresse|street|phone|telefon\w*|e?mail|ssn"
    r"|nhs\w*|insurance\w*|accession\w*|postcode|zip\w*)(_|$)"
)


def ignored_columns(path: Path, *, key: str, known: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a CSV file that reading ignores, as text, indexed by the first row of each ``key``.

    A file that cannot be read gives none: reading it says why.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            records = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        return pd.DataFrame()
    header = [name.strip() for name in records[0]] if records else []
    extra = [place for place, name in enumerate(header) if name and name not in known]
    if key not in header:
        return pd.DataFrame()
    place = header.index(key)
    rows: dict[str, list[str]] = {}
    for record in records[1:]:
        if len(record) >= len(header):
            rows.setdefault(record[place].strip(), [record[column].strip() for column in extra])
    return pd.DataFrame.from_dict(rows, orient="index", columns=[header[column] for column in extra])


def personal_columns(path: Path, columns: Sequence[str]) -> Iterator[Problem]:
    """Yield FC176 for each column whose name speaks of who a patient is."""
    for column in columns:
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", column).lower()
        if _PERSONAL.search(plain):
            what = "may say who a patient is"
            yield warning("FC176", path, what, "Remove the column", row=1, column=column)
