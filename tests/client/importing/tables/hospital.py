"""A made-up hospital's table with its mapping, and what is true of its patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

MAPPING = """
title = "Export of the breast unit"

[identifier]
column = "Fallnummer"
join = "last-digits"
digits = 4
pad = true

[clinical]
pcr = { column = "Komplettremission", pending = ["OP steht aus"] }
age_years = { column = "Alter", unit = "years" }
hr = { any_of = ["ER", "PR"] }
her2 = { column = "HER2", codes = { "0" = 0, "1+" = 0, "3+" = 1, "2+" = "missing" } }
menopause = { column = "Menopausenstatus", codes = { "prä" = "pre", "peri" = "peri", "post" = "post" } }
tumour_volume_cc = { column = "Volumen", unit = "cm3", optional = true }

[visits.T0]
longest_diameter_mm = { column = "Größe", unit = "mm", optional = true }
"""

TRUTH: list[dict[str, Any]] = [
    {
        "id": f"{number:04d}",
        "pcr": float(number % 3 == 0),
        "age_years": 31.0 + 5 * number,
        "hr": float(number % 2),
        "her2": float(number % 4 == 0),
        "menopause": ("pre", "peri", "post")[number % 3],
        "tumour_volume_cc": 0.5 + 7.25 * number,
        "longest_diameter_mm": 12.5 + 6 * number,
    }
    for number in range(1, 9)
]
COLUMNS = (
    "Fallnummer",
    "Alter",
    "Komplettremission",
    "ER",
    "PR",
    "HER2",
    "Menopausenstatus",
    "Volumen",
    "Größe",
)


def rows() -> list[dict[str, Any]]:
    """Return the table as the hospital writes it."""
    menopause = {"pre": "prä", "peri": "peri", "post": "post"}
    return [
        {
            "Fallnummer": f"H-{patient['id']}",
            "Alter": int(patient["age_years"]),
            "Komplettremission": "yes" if patient["pcr"] else "no",
            "ER": int(patient["hr"]),
            "PR": 0,
            "HER2": "3+" if patient["her2"] else "1+",
            "Menopausenstatus": menopause[patient["menopause"]],
            "Volumen": patient["tumour_volume_cc"],
            "Größe": patient["longest_diameter_mm"],
        }
        for patient in TRUTH
    ]


def write_mapping(folder: Path, text: str = MAPPING) -> Path:
    """Write the mapping and return its path."""
    path = folder / "columns.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write(path: Path, table: list[dict[str, Any]], *, sep: str = ",", encoding: str = "utf-8") -> Path:
    """Write a table in the format that the file's name says; ``sep=';'`` writes decimal commas."""
    frame = pd.DataFrame(table)
    match path.suffix:
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".parquet":
            frame.astype(object).map(lambda cell: None if cell is None else str(cell)).to_parquet(path)
        case _:
            text = frame.to_csv(index=False, sep=sep, decimal="," if sep == ";" else ".")
            path.write_bytes(text.encode(encoding))
    return path
