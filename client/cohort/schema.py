"""The columns of ``visits.csv``: one row a patient and visit."""

from __future__ import annotations

from fedchemo.client.cohort.images import VISITS
from fedchemo.shared.clinical.schema import Column

VISITS_SCHEMA = (
    Column("patient_id", "identifier", "as in clinical.csv"),
    Column("visit", "category", "T0 before treatment to T3 before surgery", values=VISITS),
    # I-SPY2 reaches 471 cm3 and 140 mm; beyond these ranges a unit is wrong.
    Column("ftv_cc", "number", "functional tumour volume in cm3", 0, 3000),
    Column("longest_diameter_mm", "number", "longest diameter in mm", 0, 400),
    Column("sphericity", "number", "sphericity, 0 to 1", 0, 1),
    Column("bpe", "number", "background parenchymal enhancement in per cent", -100, 1000),
    # Neoadjuvant treatment takes half a year; a visit years after T0, or before it, has a wrong date or label.
    Column("days_since_t0", "number", "days since the examination before treatment", 0, 1500),
    # The longest protocols end a quarter of an hour after the contrast agent.
    Column("early_s", "number", "seconds from the contrast agent to the early phase", 0, 3600),
    Column("late_s", "number", "seconds from the contrast agent to the late phase", 0, 3600),
)
VISITS_OPTIONAL = ("days_since_t0", "early_s", "late_s")
"""Columns that an import from images fills; a table made by hand need not have them."""
VISITS_COLUMNS = tuple(column.name for column in VISITS_SCHEMA)
