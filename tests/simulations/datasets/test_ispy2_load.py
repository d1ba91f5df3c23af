"""I-SPY2's loader on a small imitation of the published folder, and on the real one where it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fedchemo.shared.clinical.schema import COLUMNS
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.datasets.ispy2 import load

TRIAL = "ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx"
SHEET = "clinical_and_imaging_info.xlsx"
UNTIDY = "clinical_and_imaging_info.untidy.xlsx"
MRI = "Multi-feature-MRI-NACT-Data.xlsx"
GEOMETRY = "metadata_spy2_vis1_for_modeling.csv"
PRE = "Premenopausal(< 6 months since LMP AND no prior bilateral ovariectomy AND not on estrogen replacement)"
PERI = "Perimenopausal (6-12 months since LMP AND no prior bilateral ovariectomy AND not on estrogen replacement)"
POST = "Postmenopausal (prior bilateral ovariectomy OR > 12 months since LMP with no prior hysterectomy)"
TIMES = "[0, 98, 195, 293, 391, 489]"


def _trial_row(patient: int, **changes: Any) -> dict[str, Any]:
    row = {
        "Patient_ID": patient,
        "Arm": "Paclitaxel + ABT 888 + Carboplatin",
        "HR": 1,
        "HER2": 0,
        "MP": 1,
        "pCR": patient % 2,
        "Age_at_Screening": 40 + patient % 10,
        "Race": "White",
        "menopausal_status": PRE,
        "ethnicity": "Not Hispanic or Latino",
    }
    return row | changes


def _sheet_row(patient: int, **changes: Any) -> dict[str, Any]:
    row = {
        "patient_id": f"ISPY2_{patient}",
        "dataset": "ISPY2",
        "pcr": patient % 2,
        "hr": 1,
        "her2": 0,
        "mammaprint": 1,
        "age": 40.0 + patient % 10,
        "site": "AAA" if patient % 3 else "AAB",
        "manufacturer": "SIEMENS" if patient % 3 else "GE",
        "acquisition_times": TIMES,
    }
    return row | changes


def _geometry_row(patient: int, **changes: Any) -> dict[str, Any]:
    row = {
        "pid": f"ACRIN-6698-{patient}",
        "slice_thick": 2.0,
        "xy_spacing": 0.5,
        "mask_count": 4000,
        "age": 40 + patient % 10,
        "pCR": patient % 2,
        "HR": 1,
        "MP": 1,
        "HER2pos": 0,
    }
    return row | changes


def _mri_row(patient: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"CLINICAL-TRIAL-SUBJECT-ID": patient}
    for visit in range(4):
        row[f"VOLUME_TUM_BLU_V{visit + 1}0"] = 10.0 - visit
        row[f"LD_T{visit}"] = 3.1
        row[f"SPHERICITY_T{visit}"] = 0.2
        row[f"BPE_5slice_mean_T{visit}"] = 20.0
    return row | changes


@dataclass
class Imitation:
    """A folder as it would be downloaded, of patients who do not exist."""

    folder: Path
    trial: list[dict[str, Any]] = field(
        default_factory=lambda: [_trial_row(p) for p in range(900001, 900007)]
    )
    sheet: list[dict[str, Any]] = field(
        default_factory=lambda: [_sheet_row(p) for p in range(900001, 900006)]
    )
    geometry: list[dict[str, Any]] = field(default_factory=list)
    mri: list[dict[str, Any]] = field(default_factory=list)

    def load(self) -> Dataset:
        """Write what there is and load it."""
        tables = {f"tcia/{TRIAL}": self.trial, f"mama-mia/{SHEET}": self.sheet, f"tcia/{MRI}": self.mri}
        for name, rows in tables.items():
            if rows:
                self.path(name)
                pd.DataFrame(rows).to_excel(self.folder / name, index=False)
        if self.geometry:
            pd.DataFrame(self.geometry).to_csv(self.path(f"breastdcedl/{GEOMETRY}"), index=False)
        return load(self.folder)

    def path(self, name: str) -> Path:
        """Return a path in the folder whose parent exists."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def volumes(self, patient: int, *numbers: int) -> None:
        """Write tiny images."""
        for number in numbers:
            name = f"mama-mia/images/ISPY2_{patient}/ispy2_{patient}_{number:04d}.nii.gz"
            nib.save(nib.Nifti1Image(np.full((2, 2, 2), number, np.uint8), np.eye(4)), self.path(name))


@pytest.fixture
def imitation(tmp_path: Path) -> Imitation:
    return Imitation(tmp_path)


def _failure(attempt: Callable[[], object]) -> FedchemoError:
    with pytest.raises(FedchemoError) as caught:
        attempt()
    return caught.value


def _numbers(dataset: Dataset, patient: int) -> list[int]:
    files = dataset.images[f"ISPY2-{patient}"]["T0"]
    return [int(path.name[-11:-7]) for path in (files.pre, files.early, files.late)]


def test_identifiers_of_every_kind_join(imitation: Imitation) -> None:
    imitation.trial[0]["Patient_ID"] = "ISPY2-900001"
    imitation.sheet[1]["patient_id"] = "ACRIN-6698-900002"
    imitation.geometry = [_geometry_row(900001), _geometry_row(900002, pid="ISPY2_900002")]
    imitation.mri = [_mri_row(900001)]
    dataset = imitation.load()
    assert list(dataset.clinical.index) == [f"ISPY2-90000{n}" for n in range(1, 6)]
    assert dataset.clinical.index.name == "patient_id"
    assert list(dataset.clinical.columns) == [*COLUMNS[1:], "site", "vendor"]
    # 900003 alone is a multiple of three.
    assert dataset.clinical["site"].tolist() == ["AAA", "AAA", "AAB", "AAA", "AAA"]
    # 4000 voxels of 0.5 x 0.5 x 2 mm are 2 cm3.
    assert dataset.clinical["tumour_volume_cc"].iloc[:2].tolist() == [2.0, 2.0]
    assert list(dataset.visits["visit"]) == ["T0", "T1", "T2", "T3"]
    assert set(dataset.visits["patient_id"]) == {"ISPY2-900001"}


def test_patients_without_a_hospital_are_left_out_and_why(imitation: Imitation) -> None:
    imitation.sheet[4]["site"] = None
    imitation.sheet.append(_sheet_row(900099))
    dataset = imitation.load()
    assert set(dataset.left_out) == {"ISPY2-900005", "ISPY2-900006", "ISPY2-900099"}
    assert "names none" in dataset.left_out["ISPY2-900005"]
    assert SHEET in dataset.left_out["ISPY2-900006"]
    assert "clinical workbook" in dataset.left_out["ISPY2-900099"]
    assert len(dataset.clinical) == 4
    assert any("3 patients" in note for note in dataset.notes)


def test_values_are_put_into_our_words(imitation: Imitation) -> None:
    imitation.trial[0] |= {"menopausal_status": PERI, "Race": "Native Hawaiian or Other Pacific Islande"}
    imitation.trial[1] |= {"menopausal_status": POST, "Race": "Asian;White"}
    imitation.trial[2] |= {"menopausal_status": "Above categories not applicable AND Age > 50", "Race": None}
    imitation.trial[3] |= {"menopausal_status": PRE.replace("< 6", "<6"), "Race": "Black or African American"}
    imitation.trial[0]["Arm"] = "  Paclitaxel  + AMG\xa0386 (weekly)"
    frame = imitation.load().clinical
    assert frame["menopause"].tolist()[:4] == ["peri", "post", None, "pre"]
    assert frame["race"].tolist()[:4] == ["Pacific Islander", "Multiple", None, "Black"]
    assert frame["arm"].iloc[0] == "Paclitaxel + AMG 386 weekly"
    assert frame["arm"].str.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 +/._-]{0,63}").all()
    assert set(frame["vendor"]) == {"GE", "Siemens"}
    assert {str(frame[name].dtype) for name in ("pcr", "hr", "her2", "mammaprint", "age_years")} == {
        "float64"
    }


@pytest.mark.parametrize("missing", [-1, 999, "NA", "nan", "", None])
def test_every_way_to_write_missing(imitation: Imitation, missing: object) -> None:
    imitation.trial[0] |= {"MP": missing, "Age_at_Screening": missing, "menopausal_status": missing}
    imitation.sheet[0] |= {"mammaprint": missing}
    frame = imitation.load().clinical
    assert math.isnan(frame["mammaprint"].iloc[0])
    assert frame["menopause"].iloc[0] is None
    # What the trial does not say, another table may.
    assert frame["age_years"].iloc[0] == 41.0


def test_measurements_are_in_millimetres_and_missing_ones_stay_away(imitation: Imitation) -> None:
    gone = {"VOLUME_TUM_BLU_V40": -1, "LD_T3": "NA", "SPHERICITY_T3": 999, "BPE_5slice_mean_T3": None}
    imitation.mri = [_mri_row(900001, LD_T1=0, SPHERICITY_T2=None, **gone), _mri_row(900077)]
    visits = imitation.load().visits
    assert list(visits["visit"]) == ["T0", "T1", "T2"]
    assert visits["longest_diameter_mm"].tolist() == [31.0, 0.0, 31.0]
    assert visits["ftv_cc"].tolist() == [10.0, 9.0, 8.0]
    assert math.isnan(visits["sphericity"].iloc[2])
    assert list(visits.columns) == [
        "patient_id",
        "visit",
        "ftv_cc",
        "longest_diameter_mm",
        "sphericity",
        "bpe",
    ]


def test_volume_of_the_mri_workbook_stands_in_and_is_said(imitation: Imitation) -> None:
    imitation.geometry = [_geometry_row(900001), _geometry_row(900002, xy_spacing=None)]
    imitation.mri = [_mri_row(900001), _mri_row(900002)]
    dataset = imitation.load()
    assert dataset.clinical["tumour_volume_cc"].iloc[:2].tolist() == [2.0, 10.0]
    assert any("T0: 1 patients" in note for note in dataset.notes)


def test_empty_mask_is_no_volume(imitation: Imitation) -> None:
    imitation.geometry = [_geometry_row(900001, mask_count=0)]
    assert math.isnan(imitation.load().clinical["tumour_volume_cc"].iloc[0])


def test_untidy_sheet_alone_serves(imitation: Imitation) -> None:
    for row in imitation.sheet:
        row["site"] += " "
    rows, imitation.sheet = imitation.sheet, []
    rows += [{"patient_id": None, "dataset": None, "pcr": 0.32}, _sheet_row(900001, dataset="DUKE")]
    pd.DataFrame(rows).to_excel(imitation.path(f"mama-mia/{UNTIDY}"), index=False)
    assert set(imitation.load().clinical["site"]) == {"AAA", "AAB"}


def test_tidy_sheet_is_preferred_whatever_its_name(imitation: Imitation) -> None:
    # The releases are told apart by what they hold: here the untidy one has the plain name and is the first.
    tidy = [row | {"acquisition_times": "[0, 60, 120, 180, 240, 300]"} for row in imitation.sheet]
    for row in imitation.sheet:
        row["site"] += " "
    pd.DataFrame(tidy).to_excel(imitation.path("mama-mia/clinical_and_imaging_info_2.xlsx"), index=False)
    imitation.volumes(900001, 0, 1, 2, 3, 4, 5)
    dataset = imitation.load()
    assert any("clinical_and_imaging_info_2.xlsx is used" in note for note in dataset.notes)
    assert _numbers(dataset, 900001) == [0, 2, 5]


def test_every_contradiction_is_told_at_once(imitation: Imitation) -> None:
    imitation.geometry = [_geometry_row(900003, HER2pos=1, MP=0)]
    imitation.sheet[0]["hr"] = 0
    imitation.sheet[1]["pcr"] = 1
    imitation.sheet[3]["age"] = 60
    error = _failure(imitation.load)
    assert error.code == "FC704"
    for told in (
        f"patient 900001, hr: 1 in {TRIAL}, 0 in {SHEET}",
        "patient 900002, pcr: 0",
        "patient 900003, her2: 0",
        "patient 900003, mammaprint: 1",
        f"1 in {GEOMETRY}",
        "patient 900004, age_years: 44",
    ):
        assert told in error.what
    assert "900005" not in error.what


def test_ages_that_differ_by_rounding_agree(imitation: Imitation) -> None:
    imitation.sheet[0]["age"] = 41.9
    imitation.sheet[1]["age"] = 41.5
    assert imitation.load().clinical["age_years"].iloc[:2].tolist() == [41.0, 42.0]


def test_optional_sources_may_be_absent_and_it_is_said(imitation: Imitation) -> None:
    dataset = imitation.load()
    assert dataset.images == {}
    assert dataset.visits.empty
    assert "patient_id" in dataset.visits.columns
    assert dataset.clinical["tumour_volume_cc"].isna().all()
    said = " ".join(dataset.notes)
    for source in ("No MRI workbook", "No images", "BreastDCEDL"):
        assert source in said


@pytest.mark.parametrize(("absent", "title"), [("trial", "clinical workbook"), ("sheet", "MAMA-MIA")])
def test_missing_required_table_names_what_was_looked_for_and_where(
    imitation: Imitation, absent: str, title: str
) -> None:
    setattr(imitation, absent, [])
    error = _failure(imitation.load)
    assert error.code == "FC702"
    assert title in error.what
    assert str(imitation.folder) in error.what
    assert ".xlsx" in error.what


def test_two_files_for_one_table_are_not_guessed_between(imitation: Imitation) -> None:
    pd.DataFrame(imitation.trial).to_excel(imitation.path(f"old/{TRIAL}"), index=False)
    error = _failure(imitation.load)
    assert error.code == "FC702"
    assert "old" in error.what


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    assert _failure(lambda: load(tmp_path / "nowhere")).code == "FC002"


def test_every_bad_cell_is_told_at_once(imitation: Imitation) -> None:
    imitation.trial[0]["HR"] = 2
    imitation.trial[1]["Age_at_Screening"] = "forty"
    imitation.trial[2]["menopausal_status"] = "unclear"
    imitation.trial[3]["Patient_ID"] = 17
    imitation.trial.append(_trial_row(900005))
    error = _failure(imitation.load)
    assert error.code == "FC703"
    for told in (
        "900001, HR: 2",
        "900002, Age_at_Screening: 'forty'",
        "'unclear'",
        "Patient_ID 17",
        "900005 occurs",
    ):
        assert told in error.what


def test_missing_column_is_named(imitation: Imitation) -> None:
    for row in imitation.trial:
        del row["MP"]
    error = _failure(imitation.load)
    assert error.code == "FC703"
    assert "no column MP" in error.what


def test_file_that_is_no_workbook(imitation: Imitation) -> None:
    imitation.path(f"tcia/{MRI}").write_bytes(b"<html>not logged in</html>")
    error = _failure(imitation.load)
    assert error.code == "FC703"
    assert MRI in error.what


def test_csv_that_is_not_utf8_is_read(imitation: Imitation) -> None:
    row = _geometry_row(900001)
    line = ",".join(map(str, row.values())).encode()
    # R writes a no-break space as the one byte 0xA0.
    imitation.path(f"breastdcedl/{GEOMETRY}").write_bytes(",".join(row).encode() + b"\n" + line + b"\xa0\n")
    assert imitation.load().clinical["tumour_volume_cc"].iloc[0] == 2.0


def test_three_files_are_the_three_phases_whatever_the_times(imitation: Imitation) -> None:
    imitation.volumes(900001, 0, 1, 2)
    dataset = imitation.load()
    assert _numbers(dataset, 900001) == [0, 1, 2]
    assert dataset.images["ISPY2-900001"]["T0"].lesion is None


@pytest.mark.parametrize(
    ("times", "files", "chosen"),
    [
        (TIMES, 6, [0, 2, 5]),
        ("[0, 178, 265, 352, 439, 526, 613, 700]", 8, [0, 1, 4]),
        # The tidy sheet lists six phases of every longer study.
        ("[0, 178, 265, 352, 439, 526]", 8, [0, 1, 4]),
        ("[0, 368, 448, 528, 608]", 5, [0, 1, 2]),
        ("[0, 60, 90, 150]", 4, [0, 2, 3]),
        (None, 9, [0, 1, 5]),
        (None, 4, [0, 1, 3]),
    ],
)
def test_phases_of_a_full_folder_go_by_time(
    imitation: Imitation, times: str | None, files: int, chosen: list[int]
) -> None:
    imitation.sheet[0]["acquisition_times"] = times
    imitation.volumes(900001, *range(files))
    assert _numbers(imitation.load(), 900001) == chosen


@pytest.mark.parametrize("numbers", [(0, 1), (1, 2, 3), (1, 2, 3, 4, 5)])
def test_incomplete_phases_cost_the_image_and_not_the_patient(
    imitation: Imitation, numbers: tuple[int, ...]
) -> None:
    imitation.volumes(900001, *numbers)
    imitation.volumes(900002, 0, 1, 2)
    dataset = imitation.load()
    assert set(dataset.images) == {"ISPY2-900002"}
    assert "ISPY2-900001" in dataset.clinical.index
    assert any("ISPY2-900001" in note for note in dataset.notes)


def test_images_of_patients_without_hospital_are_not_used(imitation: Imitation) -> None:
    imitation.volumes(900006, 0, 1, 2)
    dataset = imitation.load()
    assert dataset.images == {}
    assert any("1 patients who are in no hospital" in note for note in dataset.notes)


def test_expert_lesion_comes_before_the_automatic_one(imitation: Imitation) -> None:
    imitation.volumes(900001, 0, 1, 2)
    imitation.volumes(900002, 0, 1, 2)
    for by, patient in (("automatic", 900001), ("expert", 900001), ("automatic", 900002)):
        imitation.path(f"mama-mia/segmentations/{by}/ispy2_{patient}.nii.gz").touch()
    images = imitation.load().images
    lesions = [images[f"ISPY2-{patient}"]["T0"].lesion for patient in (900001, 900002)]
    assert [lesion.parent.name for lesion in lesions if lesion] == ["expert", "automatic"]


def test_dicom_folders_are_not_walked(imitation: Imitation) -> None:
    # A bait: were the folder walked, there would be two clinical workbooks.
    imitation.path(f"tcia/dicom/ISPY2/ISPY2-900001/study/{TRIAL}").touch()
    assert len(imitation.load().clinical) == 5


@pytest.mark.realdata
class TestRealFolder:
    """What is known of the published tables."""

    @pytest.fixture(scope="class")
    @staticmethod
    def dataset(realdata: Path) -> Dataset:
        return load(realdata / "ispy2")

    def test_hospitals(self, dataset: Dataset) -> None:
        sizes = dataset.clinical["site"].value_counts()
        assert len(dataset.clinical) == 791
        assert len(dataset.left_out) == 5
        assert len(sizes) == 19
        assert len(sizes[sizes >= 20]) == 13
        assert sizes[sizes >= 20].sum() == 740
        assert set(dataset.clinical["vendor"]) == {"GE", "Siemens", "Philips"}

    def test_images(self, dataset: Dataset) -> None:
        assert len(dataset.images) == 155
        assert dataset.clinical.loc[list(dataset.images), "site"].nunique() == 18
        for visits in dataset.images.values():
            files = visits["T0"]
            assert all(path.is_file() for path in (files.pre, files.early, files.late))

    def test_outcome_and_variables(self, dataset: Dataset) -> None:
        frame = dataset.clinical
        assert frame["pcr"].mean() == pytest.approx(0.32, abs=0.005)
        assert frame["age_years"].isna().sum() == 3
        assert set(frame["menopause"].dropna()) == {"pre", "peri", "post"}
        assert frame["arm"].nunique() == 13
        assert set(frame["race"].dropna()) == {
            "White", "Black", "Asian", "Multiple", "Pacific Islander", "Native American",
        }  # fmt: skip
        assert frame["tumour_volume_cc"].isna().sum() == 1
        assert frame["tumour_volume_cc"].max() < 600

    def test_volumes_are_the_trials_own(self, dataset: Dataset) -> None:
        first = dataset.visits[dataset.visits["visit"] == "T0"].set_index("patient_id")["ftv_cc"]
        both = dataset.clinical["tumour_volume_cc"].reindex(first.index)
        assert len(first) == 299
        assert both.corr(first) > 0.995

    def test_visits_are_in_millimetres(self, dataset: Dataset) -> None:
        assert len(dataset.visits) == 1196
        assert dataset.visits["longest_diameter_mm"].max() == pytest.approx(140)
        assert (dataset.visits["longest_diameter_mm"] == 0).sum() >= 94
