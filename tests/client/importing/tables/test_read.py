"""What a hospital's tables become, whatever they are written in."""

from __future__ import annotations

import datetime as dt
import math
import struct
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from fedchemo.client.importing.tables.contract import ImportedTables, Joining
from fedchemo.client.importing.tables.read import VISIT_COLUMNS, read_tables
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.clinical.schema import COLUMNS
from tests.client.importing.tables import hospital


def read(
    folder: Path, rows: list[dict[str, Any]], mapping: str = hospital.MAPPING, name: str = "t.csv"
) -> ImportedTables:
    return read_tables(
        [hospital.write(folder / name, rows)], mappings=[hospital.write_mapping(folder, mapping)]
    )


def only(tables: ImportedTables) -> Any:
    (problem,) = tables.problems
    assert problem.code in CATALOGUE
    return problem


def assert_true(tables: ImportedTables) -> None:
    assert not [problem for problem in tables.problems if problem.code != "FC133"]
    assert list(tables.clinical.index) == [patient["id"] for patient in hospital.TRUTH]
    assert list(tables.clinical.columns) == list(COLUMNS[1:])
    assert list(tables.visits.columns) == list(VISIT_COLUMNS)
    for patient in hospital.TRUTH:
        row = tables.clinical.loc[patient["id"]]
        for name in ("pcr", "age_years", "hr", "her2", "menopause", "tumour_volume_cc"):
            assert row[name] == patient[name], name
    assert tables.visits["longest_diameter_mm"].tolist() == [p["longest_diameter_mm"] for p in hospital.TRUTH]


@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [
        ("t.csv", ",", "utf-8"), ("t.csv", ";", "utf-8-sig"), ("t.csv", ";", "cp1252"), ("t.tsv", "\t", "utf-8"),
        ("t.csv", "|", "utf-16"), ("t.txt", "\t", "utf-16-le"), ("t.xlsx", "", ""), ("t.parquet", "", ""),
    ],
)  # fmt: skip
def test_every_format_says_the_same(tmp_path: Path, name: str, separator: str, encoding: str) -> None:
    path = hospital.write(tmp_path / name, hospital.rows(), sep=separator, encoding=encoding)
    tables = read_tables([path], mappings=[hospital.write_mapping(tmp_path)])
    assert_true(tables)
    assert tables.places["0001"] == f"{name} row 2"
    assert bool(tables.problems) == (encoding == "cp1252")


def test_a_file_is_told_by_its_content_and_not_its_name(tmp_path: Path) -> None:
    path = hospital.write(tmp_path / "t.xlsx", hospital.rows()).rename(tmp_path / "t.csv")
    assert_true(read_tables([path], mappings=[hospital.write_mapping(tmp_path)]))


def test_an_old_workbook(tmp_path: Path) -> None:
    """BIFF2, the simplest of the .xls formats, written by hand: numbers, words and a number shown with zeros."""
    cells = [("patient_id", "pcr", "age_years"), *((f"P{n}", n % 2, 40.5 + n) for n in range(3))]
    stream = b"\x09\x00\x04\x00\x02\x00\x10\x00"
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            at = row.to_bytes(2, "little") + column.to_bytes(2, "little") + b"\0\0\0"
            if isinstance(value, str):
                body = at + bytes([len(value)]) + value.encode()
                stream += b"\x04\x00" + len(body).to_bytes(2, "little") + body
            else:
                stream += b"\x03\x00\x0f\x00" + at + struct.pack("<d", value)
    path = tmp_path / "old.xls"
    path.write_bytes(stream + b"\x0a\x00\x00\x00")
    tables = read_tables([path])
    assert not tables.problems
    assert tables.clinical["age_years"].to_dict() == {"P0": 40.5, "P1": 41.5, "P2": 42.5}


def test_the_header_may_stand_below_titles_on_any_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first["A1"] = "Read me"
    sheet = book.create_sheet("Data")
    sheet.append(["Breast unit, all patients"])
    sheet.append([])
    sheet.append([None, "confidential"])
    rows = hospital.rows()
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(tmp_path / "t.xlsx")
    tables = read_tables([tmp_path / "t.xlsx"], mappings=[hospital.write_mapping(tmp_path)])
    assert_true(tables)
    assert tables.places["0001"] == "t.xlsx (Data) row 5"


def test_a_workbook_with_a_password_is_said_to_have_one(tmp_path: Path) -> None:
    from msoffcrypto.format.ooxml import OOXMLFile

    plain = hospital.write(tmp_path / "plain.xlsx", hospital.rows())
    with plain.open("rb") as source, (tmp_path / "t.xlsx").open("wb") as target:
        OOXMLFile(source).encrypt("secret", target)
    problem = only(read_tables([tmp_path / "t.xlsx"]))
    assert (problem.code, problem.severity, problem.patient) == ("FC131", "error", None)
    assert "password" in problem.what


def test_a_formula_that_nobody_calculated_is_no_missing_value(tmp_path: Path) -> None:
    path = hospital.write(tmp_path / "t.xlsx", hospital.rows())
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["B3"] = "=2024-1960"
    book.save(path)
    problem = only(read_tables([path], mappings=[hospital.write_mapping(tmp_path)]))
    assert (problem.code, problem.row, problem.column, problem.patient) == ("FC140", 3, "Alter", "0002")


def test_identifiers_keep_the_zeros_that_a_workbook_only_shows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["patient_id", "pcr", "age_years"], [42, 1, 50], [100042, 0, 60]):
        sheet.append(row)
    for cell in ("A2", "A3"):
        sheet[cell].number_format = "000000"
    book.save(tmp_path / "t.xlsx")
    assert list(read_tables([tmp_path / "t.xlsx"]).clinical.index) == ["000042", "100042"]


def test_a_pending_outcome_is_kept_for_prediction(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[0]["Komplettremission"] = "OP steht aus"
    rows[1]["Komplettremission"] = "pending"
    tables = read(tmp_path, rows)
    assert not tables.problems
    assert tables.clinical["pcr"].isna().sum() == 2
    assert any("2 outcomes are pending" in note for note in tables.notes)


def test_an_outcome_that_is_not_understood_sets_the_patient_aside(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[3]["Komplettremission"] = "almost"
    tables = read(tmp_path, rows)
    problem = only(tables)
    assert (problem.code, problem.severity, problem.row) == ("FC140", "error", 5)
    assert (problem.patient, problem.value) == ("0004", "almost")
    assert "0004" not in tables.clinical.index
    assert "0004" not in set(tables.visits["patient_id"])
    assert "0004" in tables.places


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[0]["Alter"] = "forty"
    rows[1]["Alter"] = 490
    rows[2]["Volumen"] = 999
    rows[3]["HER2"] = "4+"
    rows[4]["Fallnummer"] = "H-99999"
    rows.append(dict(rows[5]))
    rows.append(dict.fromkeys(rows[0], 0.4) | {"Fallnummer": None})
    tables = read(tmp_path, rows)
    found = {(problem.code, problem.row, problem.column) for problem in tables.problems}
    assert found == {
        ("FC140", 2, "Alter"), ("FC141", 3, "Alter"), ("FC142", 4, "Volumen"), ("FC140", 5, "HER2"),
        ("FC138", 6, "Fallnummer"), ("FC139", 10, "Fallnummer"), ("FC137", 11, "Fallnummer"),
    }  # fmt: skip
    for problem in tables.problems:
        assert problem.remedy
        assert "H-9" not in problem.what + problem.remedy
        assert "forty" not in problem.what + problem.remedy


def test_two_rows_that_disagree_set_the_patient_aside_and_name_both(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows.append(rows[2] | {"Alter": 70})
    tables = read(tmp_path, rows)
    by_code = {problem.code: problem for problem in tables.problems}
    problem = by_code["FC145"]
    assert set(by_code) == {"FC145", "FC139"}
    assert (problem.row, problem.column, problem.patient, problem.value) == (4, "Alter", "0003", "46 / 70")
    assert "t.csv row 10 column Alter" in problem.what
    assert "0003" not in tables.clinical.index


def test_rows_that_complete_each_other_are_one_patient(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows.append(rows[2] | {"Alter": None})
    rows[2] = rows[2] | {"Volumen": None}
    tables = read(tmp_path, rows)
    assert only(tables).code == "FC139"
    assert tables.clinical.loc["0003", "tumour_volume_cc"] == hospital.TRUTH[2]["tumour_volume_cc"]
    assert tables.clinical.loc["0003", "age_years"] == hospital.TRUTH[2]["age_years"]


def test_two_identifiers_are_never_one_patient_in_silence(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[1]["Fallnummer"] = "G-0001"
    tables = read(tmp_path, rows)
    assert "FC138" in {problem.code for problem in tables.problems if problem.patient == "0001"}
    assert "0001" not in tables.clinical.index


@pytest.mark.parametrize(
    ("column", "factor", "code"),
    [("Alter", 12, "FC143"), ("Volumen", 1000, "FC143"), ("Volumen", 0.001, "FC144"), ("Größe", 0.1, "FC144"),
     ("Größe", 10, "FC144")],
)  # fmt: skip
def test_another_unit_than_stated_stops_the_import(
    tmp_path: Path, column: str, factor: float, code: str
) -> None:
    rows = [row | {column: row[column] * factor} for row in hospital.rows()]
    tables = read(tmp_path, rows)
    errors = [problem for problem in tables.problems if problem.severity == "error"]
    assert {(problem.code, problem.column, problem.patient) for problem in errors} >= {(code, column, None)}
    ours = {"Alter": "age_years", "Volumen": "tumour_volume_cc"}.get(column)
    assert (tables.clinical[ours] if ours else tables.visits["longest_diameter_mm"]).isna().all()


def test_units_are_converted(tmp_path: Path) -> None:
    mapping = (
        hospital.MAPPING.replace('"years"', '"months"').replace('"cm3"', '"mm3"').replace('"mm"', '"cm"')
    )
    rows = [
        row | {"Alter": row["Alter"] * 12, "Volumen": row["Volumen"] * 1000, "Größe": row["Größe"] / 10}
        for row in hospital.rows()
    ]
    rows[0]["Größe"] = f"{rows[0]['Größe'] * 10:g} mm"
    tables = read(tmp_path, rows, mapping)
    assert not tables.problems
    for patient, diameter in zip(hospital.TRUTH, tables.visits["longest_diameter_mm"], strict=True):
        row = tables.clinical.loc[patient["id"]]
        assert row["age_years"] == pytest.approx(patient["age_years"])
        assert row["tumour_volume_cc"] == pytest.approx(patient["tumour_volume_cc"])
        assert diameter == pytest.approx(patient["longest_diameter_mm"])


LONG = """
title = "Examinations"
[identifier]
column = "ID"
[visit]
column = "Exam"
codes = { "baseline" = "T0", "after 3 weeks" = "T1", "before surgery" = "T3", "biopsy" = "missing" }
[measured]
ftv_cc = { voxels = "voxels", spacing = ["x", "x", "z"], zero_is_missing = true }
date = { column = "day", format = "%d.%m.%Y" }
"""


def test_a_row_a_visit(tmp_path: Path) -> None:
    size = {"x": 0.5, "z": 2.0}
    rows = [
        {"ID": "A1", "Exam": "Baseline", "voxels": 20000, "day": "03.02.2021", **size},
        {"ID": "A1", "Exam": "after 3  weeks", "voxels": 8000, "day": "24.02.2021", **size},
        {"ID": "A1", "Exam": "biopsy", "voxels": 1, "day": "", **size},
        {"ID": "B2", "Exam": "before surgery", "voxels": 0, "day": "31.02.2021", **size},
        {"ID": "B2", "Exam": "someday", "voxels": 10, "day": "", **size},
    ]
    tables = read(tmp_path, rows, LONG)
    assert [(p.code, p.column, p.row) for p in tables.problems] == [("FC140", "Exam", 6), ("FC140", "day", 5)]
    found = tables.visits.set_index(["patient_id", "visit"])
    assert found["ftv_cc"].to_dict() == {("A1", "T0"): 10.0, ("A1", "T1"): 4.0}
    assert found["date"].tolist() == [dt.date(2021, 2, 3), dt.date(2021, 2, 24)]


def test_tables_are_joined_and_the_first_one_wins_a_rounding(tmp_path: Path) -> None:
    other = """
title = "Pathology"
[identifier]
column = "MRN"
join = "last-digits"
digits = 4
pad = true
[clinical]
age_years = { column = "age" }
race = { column = "race" }
"""
    path = hospital.write(tmp_path / "t.csv", hospital.rows())
    rows = [{"MRN": int(p["id"]), "age": p["age_years"] + 0.9, "race": "White"} for p in hospital.TRUTH[:6]]
    rows.append({"MRN": 77, "age": 50, "race": "Asian;White"})
    second = hospital.write(tmp_path / "pathology.xlsx", rows)
    (tmp_path / "other.toml").write_text(other)
    mappings = [hospital.write_mapping(tmp_path), tmp_path / "other.toml"]
    tables = read_tables([path, second], mappings=mappings)
    assert not tables.problems
    assert tables.clinical["age_years"].iloc[0] == hospital.TRUTH[0]["age_years"]
    assert tables.clinical.loc["0077", "race"] == "Multiple"
    assert math.isnan(tables.clinical.loc["0077", "pcr"])
    assert tables.absent == {"t.csv": ("0077",), "pathology.xlsx": ("0007", "0008")}
    assert tables.join.key("0001") == tables.join.key("H-1") == "0001"

    (tmp_path / "other.toml").write_text(other.replace("digits = 4", "digits = 6"))
    assert only(read_tables([path, second], mappings=mappings)).code == "FC146"


def test_identifiers_that_lost_their_zeros_are_noticed(tmp_path: Path) -> None:
    first = pd.DataFrame({"patient_id": ["00123", "00456"], "pcr": [0, 1], "age_years": [40, 50]})
    second = pd.DataFrame({"patient_id": [123, 456], "pcr": [0, 1], "age_years": [40, 50]})
    first.to_csv(tmp_path / "a.csv", index=False)
    second.to_csv(tmp_path / "b.csv", index=False)
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    told = read_tables(files).problems
    assert {problem.code for problem in told} == {"FC147"}
    assert "without leading zeros there would be 2" in told[0].what
    tables = read_tables(files, joining=Joining("zero-padded", 5))
    assert not tables.problems
    assert list(tables.clinical.index) == ["00123", "00456"]


def test_our_own_tables_need_no_mapping(tmp_path: Path) -> None:
    pd.DataFrame({"patient_id": ["a.1"], "pcr": [1], "age_years": [50], "split": ["test"]}).to_csv(
        tmp_path / "clinical.csv", index=False
    )
    pd.DataFrame(
        {"patient_id": ["a.1"], "visit": ["T1"], "ftv_cc": [3.5], "longest_diameter_mm": [20]}
    ).to_csv(tmp_path / "visits.csv", index=False)
    tables = read_tables([tmp_path / "clinical.csv", tmp_path / "visits.csv"])
    assert not tables.problems
    assert tables.clinical.loc["a.1", "split"] == "test"
    assert tables.visits[["visit", "ftv_cc"]].to_numpy().tolist() == [["T1", 3.5]]


def test_what_stops_the_import_says_what_to_do(tmp_path: Path) -> None:
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("a,b\n1,2\n")
    assert "--guess" in only(read_tables([unknown])).remedy
    assert only(read_tables([tmp_path / "absent.csv"])).code == "FC130"
    quote = tmp_path / "quote.csv"
    quote.write_text('patient_id,pcr,age_years\nP1,1,40\n"P2,0,50\nP3,1,60\n')
    problem = only(read_tables([quote]))
    assert problem.code == "FC132"
    rows = hospital.rows()
    renamed = [{("HER-2" if name == "HER2" else name): cell for name, cell in row.items()} for row in rows]
    problem = only(read(tmp_path, renamed))
    assert (problem.code, problem.column) == ("FC136", "HER2")
    assert "HER-2" in problem.remedy


def test_a_mapping_that_is_for_no_table_is_not_passed_over(tmp_path: Path) -> None:
    path = hospital.write(tmp_path / "t.csv", [{"patient_id": "a", "pcr": 1, "age_years": 50}])
    problem = only(read_tables([path], mappings=[hospital.write_mapping(tmp_path)]))
    assert (problem.code, problem.severity) == ("FC135", "error")
    assert "Export of the breast unit" in problem.what


def test_points_between_thousands_are_not_decimals(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[4]["Volumen"] = "1.250"
    for row in rows:
        row["Volumen"] = str(row["Volumen"]).replace(".", ",") if row is not rows[4] else row["Volumen"]
    problem = only(read(tmp_path, rows))
    assert (problem.code, problem.value, problem.patient) == ("FC140", "1.250", "0005")


def test_a_row_with_a_cell_too_many_is_not_read_shifted(tmp_path: Path) -> None:
    lines = hospital.write(tmp_path / "t.csv", hospital.rows()).read_text().splitlines()
    lines[3] = lines[3].replace("H-0003,", "H-0003,,")
    lines[4] = lines[4].rsplit(",", 1)[0]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    tables = read_tables([tmp_path / "t.csv"], mappings=[hospital.write_mapping(tmp_path)])
    assert [(p.code, p.row, p.patient) for p in tables.problems] == [
        ("FC148", 4, "0003"),
        ("FC148", 5, "0004"),
    ]
    assert not {"0003", "0004"} & set(tables.clinical.index)


def test_no_note_names_a_patient_or_a_value(tmp_path: Path) -> None:
    rows = hospital.rows()
    rows[0]["Fallnummer"] = "H-SECRET-9"
    tables = read(tmp_path, rows)
    assert "SECRET" not in " ".join([*tables.notes, *(p.what + p.remedy for p in tables.problems)])


@pytest.mark.parametrize(
    ("joining", "identifier", "key"),
    [
        (Joining(), " A  1 ", "A 1"),
        (Joining(), "756412.0", "756412"),
        (Joining(), "1.23457E+11", None),
        (Joining("last-digits", 6), "ACRIN-6698-102212", "102212"),
        (Joining("last-digits", 6), "ISPY2_756412", "756412"),
        (Joining("last-digits", 6), "17", None),
        (Joining("last-digits", 6), "1756412", None),
        (Joining("last-digits", 6, pad=True), "ISPY2-17", "000017"),
        (Joining("last-digits", 6, pad=True), "-1", None),
        (Joining("last-digits", 6, pad=True), "0", None),
        (Joining("zero-padded", 8), "123", "00000123"),
        (Joining("zero-padded", 8), "123456789", None),
        (Joining("zero-padded", 8), "P123", None),
        (Joining("pattern", pattern=r"^P(\d+)"), "P12-left", "12"),
        (Joining("pattern", 5, pattern=r"^P(\d+)"), "P12-left", "00012"),
        (Joining("pattern", pattern=r"^P(\d+)"), "Q12", None),
    ],
)  # fmt: skip
def test_joining(joining: Joining, identifier: str, key: str | None) -> None:
    assert joining.key(identifier) == key
    assert joining.rule
