"""The shipped mappings: published tables are recognised by their header and give one cohort."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from fedchemo.client.importing.tables.contract import ImportedTables
from fedchemo.client.importing.tables.mapping import TableMapping
from fedchemo.client.importing.tables.read import read_tables
from fedchemo.client.importing.tables.shipped import shipped

CLINICAL = "tcia/ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx"
MRI = "tcia/Multi-feature-MRI-NACT-Data.xlsx"
TIDY = "mama-mia/clinical_and_imaging_info.xlsx"
UNTIDY = "mama-mia/clinical_and_imaging_info.untidy.xlsx"
GEOMETRY = "breastdcedl/metadata_spy2_vis1_for_modeling.csv"
ALL = (CLINICAL, MRI, TIDY, UNTIDY, GEOMETRY)


def test_every_shipped_mapping_is_valid_and_says_where_its_table_is_from() -> None:
    assert len(shipped()) >= 15
    for name, mapping in shipped().items():
        assert isinstance(mapping, TableMapping)
        assert mapping.recognise.columns, name
        assert mapping.source or name.startswith("fedchemo"), name


def test_the_workbook_of_ispy1_is_read_from_its_two_sheets(tmp_path: Path) -> None:
    path = tmp_path / "I-SPY 1 All Patient Clinical and Outcome Data.xlsx"
    clinical = {
        "SUBJECTID": [1001, 1002, 1003], "age": [38.73, 37.79, 49.83], "race_id": [1, 50, 0], "HR Pos": [1, 2, 0],
        "Her2MostPos": [0, 1, None], "MRI LD Baseline": [88, 29, 50], "MRI LD PreSurg": [30, 0, None],
    }  # fmt: skip
    outcome = {
        "SUBJECTID": [1001, 1002, 1003],
        "sstat": [7, 8, 7],
        "PCR": [0, 1, None],
        "RCBClass": [2, 0, None],
    }
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"What it is": ["subset"]}).to_excel(writer, sheet_name="READ ME", index=False)
        pd.DataFrame(clinical).to_excel(writer, sheet_name="TCIA Patient Clinical Subset", index=False)
        pd.DataFrame(outcome).to_excel(writer, sheet_name="TCIA Outcomes Subset", index=False)
    tables = read_tables([path])
    assert not tables.problems
    frame = tables.clinical
    assert list(frame.index) == ["1001", "1002", "1003"]
    assert frame["pcr"].tolist()[:2] == [0, 1]
    assert frame["hr"].isna().tolist() == [False, True, False]
    assert frame["race"].tolist() == ["White", "Multiple", None]
    assert tables.visits["longest_diameter_mm"].tolist() == [88, 30, 29, 0, 50]
    assert tables.visits["visit"].tolist() == ["T0", "T3", "T0", "T3", "T0"]
    assert tables.join.key("ISPY1_1001") == "1001"


def test_the_three_header_rows_of_duke(tmp_path: Path) -> None:
    path = tmp_path / "Clinical_and_Other_Features.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Patient Information", "Demographics", None, None, "Tumor Characteristics", None, None,
         "Near Complete Response", "Mammography Characteristics", "US features"],
        ["Patient ID", "Date of Birth (Days)", "Menopause (at diagnosis)", "Race and Ethnicity", "ER", "PR", "HER2",
         "Overall Near-complete Response:  Stricter Definition", "Tumor Size (cm)", "Tumor Size (cm)"],
        [None, "(Taking date of diagnosis as day 0)", "{0 = pre,\n1 = post,\n2 = N/A}", "{0 = N/A\n1 = white}",
         "{0=neg}", "{0=neg}", "{0 = neg,\n1 = pos,\n2 = borderline}", None, None, None],
        ["Breast_MRI_001", -15209, 0, 2, 0, 0, 1, 0, "NC", 2.1],
        ["Breast_MRI_002", -14061, 2, 1, 0, 1, 2, 2, 1.5, "NC"],
        ["Breast_MRI_003", -22685, 1, 7, "NC", 0, 0, "NA", "NC", "NC"],
    ):  # fmt: skip
        sheet.append(row)
    sheet.merge_cells("B1:D1")
    book.save(path)
    tables = read_tables([path])
    assert not tables.problems
    frame = tables.clinical
    assert list(frame.index) == ["001", "002", "003"]
    assert frame["age_years"].tolist() == pytest.approx([41.64, 38.50, 62.11], abs=0.01)
    assert frame["menopause"].tolist() == ["pre", None, "post"]
    assert frame["race"].tolist() == ["Black", "White", "Pacific Islander"]
    assert frame["hr"].isna().tolist() == [False, False, True]
    assert frame["hr"].tolist()[:2] == [0, 1]
    assert frame["her2"].tolist()[0] == 1
    assert frame["her2"].isna().tolist() == [False, True, False]
    assert frame["pcr"].tolist()[:2] == [0, 0]
    assert tables.places["001"].endswith("row 4")


def _pooled(tmp_path: Path) -> Path:
    path = tmp_path / "BreastDCEDL_metadata.csv"
    rows = [
        ["ISPY1_1001", 0, 1, 0, "duke", 38, 1, 14_000], ["ACRIN-6698-102212", 1, 0, 0, "spy2", 26, 1, 9_500],
        ["ISPY2-550421", 0, 0, 1, "spy2", 50, 1, 0], ["Breast_MRI_005", 1, 1, 1, "duke", 38, 1, 10.0],
    ]  # fmt: skip
    columns = ["pid", "pCR", "HR", "HER2", "dataset", "age", "post_early", "tum_vol"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("flavour", "volumes"),
    [("ispy1", {"1001": 14.0}), ("ispy2", {"102212": 9.5, "550421": None}), ("duke", {"005": 10.0})],
)
def test_one_column_of_breastdcedl_in_two_units(
    tmp_path: Path, flavour: str, volumes: dict[str, float | None]
) -> None:
    tables = read_tables([_pooled(tmp_path)], mappings=[Path(f"breastdcedl-all-{flavour}")])
    assert not tables.problems
    found = {
        key: None if value != value else value for key, value in tables.clinical["tumour_volume_cc"].items()
    }
    assert found == volumes
    assert any("rows of other data sets left out" in note for note in tables.notes)


def test_of_several_data_sets_in_one_table_none_is_guessed(tmp_path: Path) -> None:
    (problem,) = read_tables([_pooled(tmp_path)]).problems
    assert problem.code == "FC135"
    assert "breastdcedl-all-duke" in problem.what


def _contents(tables: ImportedTables) -> pd.DataFrame:
    return tables.clinical[["pcr", "age_years", "hr", "her2", "mammaprint"]]


@pytest.mark.realdata
class TestRealTables:
    """The published tables of I-SPY2, as they lie."""

    @pytest.fixture(scope="class")
    @staticmethod
    def folder(realdata: Path) -> Path:
        return realdata / "ispy2"

    @pytest.fixture(scope="class")
    @staticmethod
    def together(folder: Path) -> ImportedTables:
        return read_tables([folder / name for name in ALL])

    def test_every_table_alone_and_all_together_give_one_cohort(
        self, folder: Path, together: ImportedTables
    ) -> None:
        assert not together.problems
        assert len(together.clinical) == 796
        assert len(together.visits) == 1196
        everything = _contents(together)
        for name, count in ((CLINICAL, 796), (TIDY, 791), (UNTIDY, 791), (GEOMETRY, 793)):
            alone = read_tables([folder / name])
            assert not alone.problems
            assert len(alone.clinical) == count
            pd.testing.assert_frame_equal(_contents(alone), everything.loc[alone.clinical.index])

    def test_who_is_absent_is_named(self, together: ImportedTables) -> None:
        names = {name: len(patients) for name, patients in together.absent.items()}
        assert names == {
            Path(MRI).name: 497, Path(TIDY).name: 5, Path(UNTIDY).name: 5, Path(GEOMETRY).name: 3
        }  # fmt: skip
        assert together.absent[Path(TIDY).name] == together.absent[Path(UNTIDY).name]
        for patients in together.absent.values():
            assert all(len(patient) == 6 and patient in together.places for patient in patients)

    def test_units(self, together: ImportedTables) -> None:
        assert together.visits["longest_diameter_mm"].max() == pytest.approx(140)
        first = together.visits[together.visits["visit"] == "T0"].set_index("patient_id")["ftv_cc"]
        volume = together.clinical["tumour_volume_cc"].reindex(first.index)
        assert volume.corr(first) > 0.995
        assert (volume / first).median() == pytest.approx(1, abs=0.05)

    def test_seven_planted_contradictions_are_seven_problems(self, folder: Path, tmp_path: Path) -> None:
        files = {}
        for name in (CLINICAL, MRI, TIDY, GEOMETRY):
            files[name] = Path(shutil.copy(folder / name, tmp_path))
            files[name].chmod(0o600)
        planted = [
            _plant(files[TIDY], "patient_id", 10, "pcr", lambda cell: 1 - int(str(cell))),
            _plant(files[TIDY], "patient_id", 60, "age", lambda cell: float(str(cell)) + 2),
            _plant(files[TIDY], "patient_id", 110, "menopause", lambda _: "peri"),
            _plant(files[CLINICAL], "Patient_ID", 160, "HER2", lambda cell: 1 - int(str(cell))),
            _plant(
                files[CLINICAL],
                "Patient_ID",
                210,
                "Race",
                lambda cell: "White" if cell == "Asian" else "Asian",
            ),
            _plant_text(files[GEOMETRY], 260, "HR"),
            _plant_text(files[GEOMETRY], 310, "MP"),
        ]
        assert len(set(planted)) == 7
        tables = read_tables(list(files.values()))
        assert {problem.code for problem in tables.problems} == {"FC145"}
        assert [problem.patient for problem in tables.problems] == sorted(planted)
        assert {problem.severity for problem in tables.problems} == {"error"}
        for problem in tables.problems:
            assert problem.row is not None
            assert problem.column
            assert " row " in problem.what
            assert str(problem.patient) not in f"{problem.what} {problem.remedy}"
        # None is resolved: the seven are set aside, whole.
        assert len(tables.clinical) == 796 - 7
        assert not set(planted) & (set(tables.clinical.index) | set(tables.visits["patient_id"]))


def _plant(path: Path, identifier: str, row: int, column: str, change: Callable[[object], object]) -> str:
    """Change one filled cell of a workbook, at or below a row; return the patient."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    while sheet.cell(row, header.index(column) + 1).value in {None, "post"}:
        row += 1
    cell = sheet.cell(row, header.index(column) + 1)
    cell.value = change(cell.value)  # type: ignore[assignment]
    book.save(path)
    return str(sheet.cell(row, header.index(identifier) + 1).value)[-6:]


def _plant_text(path: Path, row: int, column: str) -> str:
    """Turn a 0 into a 1 or back in a CSV file; return the patient."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    cells = lines[row].split(",")
    at = header.index(column)
    cells[at] = {"0": "1", "1": "0"}[cells[at]]
    lines[row] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return cells[0][-6:]
