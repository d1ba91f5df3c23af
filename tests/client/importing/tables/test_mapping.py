"""Mapping files: what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedchemo.client.importing.tables.mapping import read_mapping
from fedchemo.client.importing.tables.read import read_tables
from tests.client.importing.tables import hospital


def test_a_good_one(tmp_path: Path) -> None:
    mapping, problems = read_mapping(hospital.write_mapping(tmp_path))
    assert not problems
    assert mapping is not None
    assert mapping.identifier.joining.rule == "the last four digits filled up with leading zeros"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('unit = "cm3", optional', "optional", "state its unit, cm3 or mm3"),
        ('unit = "years"', 'unit = "mm"', "unit is one of years"),
        ("age_years", "age", "no such variable"),
        ('"3+" = 1', '"3+" = 3', "a code means 0, 1 or missing"),
        ('"prä" = "pre"', '"prä" = "before"', "a code means pre, peri, post"),
        ("digits = 4", "digit = 4", "Extra inputs"),
        ("digits = 4\n", "", "needs digits"),
        ("[visits.T0]", "[visits.T7]", "T0"),
        ('"last-digits"', '"pattern"', "pattern"),
        ('any_of = ["ER", "PR"]', 'any_of = ["ER", "PR"], column = "HR"', "name one of column"),
        ("title =", "title", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in hospital.MAPPING
    path = hospital.write_mapping(tmp_path, hospital.MAPPING.replace(old, new))
    mapping, problems = read_mapping(path)
    assert mapping is None
    assert {problem.code for problem in problems} == {"FC134"}
    assert any(told in f"{problem.what} {problem.remedy}" for problem in problems), problems


def test_with_a_broken_mapping_no_table_is_read_by_another_one(tmp_path: Path) -> None:
    table = hospital.write(tmp_path / "t.csv", [{"patient_id": "a", "pcr": 1, "age_years": 50}])
    (tmp_path / "columns.toml").write_text("nonsense")
    tables = read_tables([table], mappings=[tmp_path / "columns.toml"])
    assert [problem.code for problem in tables.problems] == ["FC134"]
    assert tables.clinical.empty
