"""The columns of ``clinical.csv``: one row a patient, empty means missing.

A *clinical frame* is a DataFrame indexed by ``patient_id`` (text) with the other columns in the order of
`COLUMNS`. Binary and numeric columns are float64 with NaN for missing, the others text with None for missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a patient identifier may look like; it is also a folder's name."""


@dataclass(frozen=True)
class Column:
    """One column: what it holds, in which range or of which values."""

    name: str
    kind: Literal["identifier", "binary", "number", "category", "text"]
    meaning: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


SCHEMA = (
    Column("patient_id", "identifier", "pseudonym, unique in the site"),
    Column("pcr", "binary", "1: no invasive tumour left at surgery; empty: not known, prediction only"),
    Column("age_years", "number", "age at diagnosis", 15, 110),
    Column("hr", "binary", "1: oestrogen or progesterone receptor positive"),
    Column("her2", "binary", "1: HER2 positive"),
    Column("mammaprint", "binary", "1: MammaPrint high 2, as in I-SPY2"),
    Column("menopause", "category", "menopausal status", values=("pre", "peri", "post")),
    Column("race", "text", "as the hospital records it; never sent, used for fairness tables in the site"),
    Column("arm", "text", "treatment arm"),
    # I-SPY2 reaches 471 cm3; ten times the largest breast is a unit error.
    Column("tumour_volume_cc", "number", "tumour volume at T0 in cm3", 0.001, 3000),
    Column("split", "category", "optional", values=("train", "validation", "test")),
)
COLUMNS = tuple(column.name for column in SCHEMA)


def empty_frame(patients: list[str]) -> pd.DataFrame:
    """Return a clinical frame of these patients with every value missing."""
    frame = pd.DataFrame(index=pd.Index(patients, name="patient_id", dtype=object))
    for column in SCHEMA[1:]:
        numeric = column.kind in {"binary", "number"}
        frame[column.name] = pd.Series([float("nan")] * len(frame), index=frame.index) if numeric else None
    return frame
