from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.cohort.table import read_table

from .conftest import where

KNOWN = ("patient_id", "pcr", "age_years")


def read(tmp_path, content, **options):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **({"known": KNOWN, "required": ("patient_id",)} | options))


def test_values_stay_text_and_rows_are_those_of_a_spreadsheet(tmp_path):
    table, problems = read(tmp_path, 'patient_id,pcr,age_years\n001, 1 ,NA\n\n"0\n2",,5\n,,\nx,0,\n')
    assert problems == []
    assert table.to_dict("index") == {
        2: {"patient_id": "001", "pcr": "1", "age_years": "NA"},
        4: {"patient_id": "0\n2", "pcr": "", "age_years": "5"},
        6: {"patient_id": "x", "pcr": "0", "age_years": ""},
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b"patient_id,pcr,age_years\n", "no rows"),
        (b"patient_id;pcr;age_years\n1;0;5\n", "';'"),
        (b"patient_id\tpcr\tage_years\n1\t0\t5\n", "'\\t'"),
        (b'patient_id,pcr,age_years\n1,"0"0,5\n', "not a CSV table"),
        (b'patient_id,pcr,age_years\n1,"0,5\n', "not a CSV table"),
        (b"PK\x03\x04\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_table_is_said(tmp_path, content, expected):
    table, problems = read(tmp_path, content)
    assert table is None
    assert [problem.code for problem in problems] == ["FC104"]
    assert expected in problems[0].what
    assert problems[0].remedy.startswith("Save it as")


def test_another_encoding_is_refused_with_the_row_of_its_first_byte(tmp_path):
    _, problems = read(tmp_path, b"patient_id,pcr,age_years\n1,0,5\n2\xa0,0,5\n")
    assert where(problems) == [("FC104", "table.csv", 3, None, None)]
    assert "0xA0" in problems[0].what


def test_rows_that_are_too_short_or_too_long_are_named(tmp_path):
    table, problems = read(tmp_path, "patient_id,pcr,age_years\na,1\nb,1,5,6\nc,1,5,,\nd,1,5\n")
    assert [(problem.code, problem.row) for problem in problems] == [("FC104", 2), ("FC104", 3)]
    assert list(table["patient_id"]) == ["c", "d"]


def test_a_misspelt_column_is_an_error_and_a_foreign_one_a_warning(tmp_path):
    table, problems = read(tmp_path, "patient_id,PCR,Age years,shoe,age_yeers\na,1,5,40,6\n")
    assert table is not None
    by_column = {problem.column: problem for problem in problems}
    assert {name: (p.code, p.severity) for name, p in by_column.items()} == {
        "PCR": ("FC105", "error"),
        "Age years": ("FC105", "error"),
        "shoe": ("FC115", "warning"),
        "age_yeers": ("FC115", "warning"),
    }
    assert by_column["PCR"].remedy == "Write it pcr"
    assert "age_years" in by_column["age_yeers"].remedy


def test_a_column_twice_is_an_error(tmp_path):
    _, problems = read(tmp_path, "patient_id,pcr,pcr,age_years\na,1,0,5\n")
    assert where(problems) == [("FC105", "table.csv", 1, "pcr", None)]
    assert problems[0].severity == "error"


def test_without_a_required_column_nothing_is_read(tmp_path):
    table, problems = read(tmp_path, "patient,pcr,age_years\na,1,5\n")
    assert table is None
    assert ("FC105", "table.csv", 1, "patient_id", None) in where(problems)


def test_an_absent_column_is_empty_and_said_unless_it_is_optional(tmp_path):
    table, problems = read(tmp_path, "patient_id\na\n", optional=("pcr",))
    assert list(table.loc[2]) == ["a", "", ""]
    assert [(problem.column, problem.severity) for problem in problems] == [("age_years", "warning")]


@given(content=st.binary(max_size=200))
def test_no_file_whatever_makes_the_reader_fail(tmp_path_factory, content):
    table, problems = read(tmp_path_factory.mktemp("any"), content)
    assert (table is None) <= any(problem.severity == "error" for problem in problems)


@given(content=st.text(alphabet='patient_id,\n\r" ;\x00é', max_size=60))
def test_no_text_whatever_makes_the_reader_fail(tmp_path_factory, content):
    table, problems = read(tmp_path_factory.mktemp("any"), "patient_id,pcr\n" + content)
    assert (table is None) <= any(problem.severity == "error" for problem in problems)
