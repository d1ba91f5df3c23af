from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.cohort.checks import check_values, typed
from fedchemo.shared.clinical.schema import SCHEMA, Column

COLUMNS = {column.name: column for column in SCHEMA}


def check(name: str, *cells: str):
    table = pd.DataFrame({name: list(cells)}, index=range(2, 2 + len(cells)), dtype=object)
    return check_values(Path("clinical.csv"), table, [COLUMNS[name]])


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("patient_id", ["1", "007", "A.b-c_9", "x" * 64]),
        ("pcr", ["", "0", "1", "0.0", "1.0"]),
        ("age_years", ["", "15", "110", "46.5", "5e1"]),
        ("menopause", ["", "pre", "peri", "post"]),
        ("race", ["", "Weiß, nicht näher", "x" * 200]),
        ("tumour_volume_cc", ["", "0.001", "3000", ".5", "12."]),
        ("split", ["", "train", "validation", "test"]),
    ],
)
def test_what_the_schema_allows_passes(name, good):
    assert check(name, *good) == []


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("patient_id", ["a b", "../x", ".hidden", "-x", "ä", "x" * 65, "a\n"]),
        ("pcr", ["2", "yes", "-0.5", "True", "١"]),
        ("age_years", ["46,5", "46 years", "inf", "1_0", "0x20", "--4", "."]),
        ("menopause", ["Pre", "post ", "premenopausal"]),
        ("race", ["x" * 201, "two\nlines"]),
        ("split", ["Train", "val"]),
    ],
)
def test_each_bad_value_is_one_problem_in_its_row(name, bad):
    problems = check(name, *bad)
    assert [(p.row, p.value) for p in problems] == list(enumerate(bad, start=2))
    assert {p.code for p in problems} == {"FC106" if name == "patient_id" else "FC108"}
    assert {p.column for p in problems} == {name}


@pytest.mark.parametrize(
    ("name", "bad"),
    [("age_years", ["14.9", "110.5", "-1", "999"]), ("tumour_volume_cc", ["0", "-1", "3000.1", "14700"])],
)
def test_numbers_out_of_range_are_told_with_range_and_meaning(name, bad):
    problems = check(name, *bad)
    assert [(p.code, p.value) for p in problems] == [("FC109", value) for value in bad]
    assert all(f"outside {COLUMNS[name].low:g} to {COLUMNS[name].high:g}" in p.what for p in problems)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_passes_reads_as_itself(value):
    column = Column("x", "number", "any")
    table = pd.DataFrame({"x": [repr(value), ""]}, index=[2, 3], dtype=object)
    assert check_values(Path("t.csv"), table, [column]) == []
    frame = typed(table, [column])
    assert frame["x"][2] == value
    assert math.isnan(frame["x"][3])


@given(st.text(max_size=12))
def test_a_cell_that_passes_as_a_number_is_finite(cell):
    column = Column("x", "number", "any", -1e300, 1e300)
    table = pd.DataFrame({"x": [cell]}, index=[2], dtype=object)
    if cell and not check_values(Path("t.csv"), table, [column]):
        assert math.isfinite(float(cell))
