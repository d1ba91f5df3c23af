"""Examinations are found in every layout; what cannot be used is said once, by number, and the rest goes on."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from fedchemo.client.importing.contract import Found, Scanner, Timing
from fedchemo.client.importing.deidentification.volumes import write_volume
from fedchemo.client.importing.nifti import find_nifti
from fedchemo.shared.errors import FedchemoError
from tests.client.importing.nifti.conftest import AFFINE, SHAPE, values, write, write_numbered, write_plain

TIMES = [0, 80, 160, 240, 320, 400, 480]


def _errors(found: Found) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.patient) for problem in found.problems if problem.severity == "error"]


def _sentences(found: Found) -> str:
    parts = [f"{problem.what} {problem.remedy}" for problem in found.problems]
    for examination in found.examinations:
        parts += [*examination.taken, *examination.left]
    return " ".join(parts)


def _write_sheet(path: Path, *rows: dict[str, object]) -> None:
    workbook = openpyxl.Workbook()
    names = ["patient_id", "acquisition_times", "manufacturer", "scanner_model", "field_strength"]
    workbook.active.append(names)
    for row in rows:
        workbook.active.append([row.get(name) for name in names])
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook.save(path)


def test_plain_layout_with_visits_and_masks(tmp_path: Path) -> None:
    write_plain(tmp_path / "P.1" / "T0", lesion=True)
    write_plain(tmp_path / "P.1" / "t2", suffix=".nii")
    write_plain(tmp_path / "Q")
    told = []
    found = find_nifti([tmp_path], progress=lambda done, total: told.append((done, total)))
    assert found.problems == ()
    assert [(item.patient, item.visit) for item in found.examinations] == [
        ("P.1", "T0"),
        ("P.1", "T2"),
        ("Q", "T0"),
    ]
    assert told == [(1, 3), (2, 3), (3, 3)]
    scan = pickle.loads(pickle.dumps(found.examinations[0].read))()
    for number, phase in enumerate((scan.pre, scan.early, scan.late)):
        assert phase.dtype == np.int16
        assert (phase == values(number)).all()
    assert (scan.affine == AFFINE).all()
    assert scan.lesion is not None
    assert scan.lesion.sum() == 8
    assert found.examinations[1].read().lesion is None


def test_mama_mia_takes_times_and_equipment_from_what_lies_beside(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_numbered(images / "A_1", "a_1", *range(7))
    write_numbered(images / "B_2", "b_2", *range(7))
    write_numbered(images / "C_3", "c_3", *range(7))
    mask = np.ones(SHAPE, dtype=np.uint8)
    write(tmp_path / "segmentations" / "automatic" / "a_1.nii.gz", mask)
    row = {"manufacturer": "SIEMENS ", "scanner_model": "Verio", "field_strength": 3}
    _write_sheet(
        tmp_path / "clinical_and_imaging_info.xlsx",
        {"patient_id": "A_1", "acquisition_times": str(TIMES), **row},
        {"patient_id": "B_2", "acquisition_times": str(TIMES)},
        {"patient_id": None, "acquisition_times": 3.2},
    )
    own = tmp_path / "patient_info_files" / "b_2.json"
    own.parent.mkdir()
    own.write_text(json.dumps({"imaging_data": {"acquisition_times": [0, 140, 280, 420, 560, 700, 840]}}))
    for folders in ([images], [tmp_path], [images, tmp_path], [tmp_path, images]):
        found = find_nifti(folders)
        assert found.problems == ()
        first, second, third = found.examinations
        assert first.times_s == (160, 480)
        assert first.scanner == Scanner("SIEMENS", "Verio", 3.0)
        assert first.read().lesion is not None
        assert (first.read().late == values(6)).all()
        assert second.times_s == (140, 420)
        assert third.times_s is None
        assert (third.read().late == values(5)).all()
        assert "automatic" in " ".join(first.taken)
        assert first.left == ("Phases left: 1, 3, 4, 5.",)
    wanted = find_nifti([images], timing=Timing(early_s=80, late_s=240)).examinations[0]
    assert wanted.times_s == (80, 240)
    assert wanted.key != first.key


def test_a_key_changes_with_the_times(tmp_path: Path) -> None:
    write_numbered(tmp_path / "images" / "A_1", "a_1", *range(4))
    keys = set()
    for times in ([0, 100, 200, 450], [0, 110, 200, 450], [0, 100, 200, 460]):
        _write_sheet(
            tmp_path / "clinical_and_imaging_info.xlsx",
            {"patient_id": "A_1", "acquisition_times": str(times)},
        )
        examination = find_nifti([tmp_path]).examinations[0]
        assert examination.times_s is not None
        keys.add((examination.times_s, examination.key))
    assert len(keys) == len({key for _, key in keys}) == 3


def test_of_two_tables_the_one_that_fits_the_files_is_believed(tmp_path: Path) -> None:
    write_numbered(tmp_path / "images" / "A_1", "a_1", *range(4))
    for release, times in (("", [0, 50, 400, 500, 600]), (".untidy", [0, 150, 300, 450])):
        path = tmp_path / f"clinical_and_imaging_info{release}.xlsx"
        _write_sheet(path, {"patient_id": "A_1", "acquisition_times": str(times)})
    assert find_nifti([tmp_path]).examinations[0].times_s == (150, 450)


def test_a_table_that_is_damaged_is_done_without(tmp_path: Path) -> None:
    write_numbered(tmp_path / "images" / "A_1", "a_1", *range(7))
    (tmp_path / "clinical_and_imaging_info.xlsx").write_bytes(b"PK no workbook")
    own = tmp_path / "patient_info_files" / "a_1.json"
    own.parent.mkdir()
    own.write_text("{")
    found = find_nifti([tmp_path])
    assert len(found.examinations) == 1
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC104", "warning")] * 2


def test_breastdcedl_masks_lie_on_the_phases_though_their_header_says_otherwise(tmp_path: Path, mask) -> None:
    for number in range(5):
        write(tmp_path / "dce" / f"ISPY2-1_spy2_vis1_dce_aqc_{number}.nii.gz", values(number))
    write(tmp_path / "mask" / "ISPY2-1_spy2_vis1_mask.nii.gz", mask.transpose(), np.eye(4))
    (tmp_path / "BreastDCEDL_metadata.csv").write_text("pid,pre,post_early,post_late\nISPY2-1,0.0,2.0,4.0\n")
    found = find_nifti([tmp_path])
    assert found.problems == ()
    scan = found.examinations[0].read()
    assert (scan.lesion == mask.astype(bool)).all()
    assert (scan.early == values(2)).all()
    assert (scan.late == values(4)).all()
    assert (scan.affine == AFFINE).all()


def test_breastdcedl_without_its_table(tmp_path: Path, mask) -> None:
    for number in range(7):
        write(tmp_path / f"ISPY2-1_spy2_vis2_dce_aqc_{number}.nii.gz", values(number))
    write(tmp_path / "ISPY2-1_spy2_vis2_mask.nii.gz", mask, np.eye(4))
    (examination,) = find_nifti([tmp_path]).examinations
    assert examination.visit == "T1"
    assert (examination.read().lesion == mask.astype(bool)).all()
    assert (examination.read().late == values(5)).all()


def test_phases_whose_spacing_is_a_stand_in_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        array = values(number, (4, 8, 8))
        write(tmp_path / f"ISPY2-1_spy2_vis1_dce_aqc_{number}.nii.gz", array, np.eye(4))
    assert _errors(find_nifti([tmp_path])) == [("FC204", "ISPY2-1")]


def test_images_of_a_site_folder_are_found_again(tmp_path: Path) -> None:
    write_plain(tmp_path / "in" / "P" / "T1", lesion=True)
    scan = find_nifti([tmp_path / "in"]).examinations[0].read()
    folder = tmp_path / "site" / "images" / "P-AB" / "T1"
    for name in ("pre", "early", "late", "lesion"):
        write_volume(folder / f"{name}.nii.gz", getattr(scan, name), scan.affine)
    found = find_nifti([tmp_path / "site" / "images"])
    assert found.problems == ()
    again = found.examinations[0]
    assert (again.patient, again.visit) == ("P-AB", "T1")
    assert (again.read().lesion == scan.lesion).all()
    assert (again.read().late == scan.late).all()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda f: (f / "late.nii.gz").unlink(), "FC201"),
        (lambda f: (f / "late.nii.gz").write_bytes(b""), "FC202"),
        (lambda f: (f / "late.nii.gz").write_bytes(b"\x1f\x8b"), "FC202"),
        (lambda f: (f / "late.nii.gz").write_bytes(b"DICM" * 400), "FC202"),
        (lambda f: (f / "lesion.nii.gz").write_bytes(b"x"), "FC202"),
        (lambda f: write(f / "late.nii.gz", values(2), vox_offset=0), "FC202"),
        (lambda f: write(f / "late.nii.gz", values(2), datatype=999), "FC202"),
        (lambda f: write(f / "late.nii.gz", values(2, (7, 6))), "FC203"),
        (lambda f: write(f / "late.nii.gz", values(2, (7, 6, 4, 3))), "FC203"),
        (lambda f: write(f / "late.nii.gz", values(2, dtype=np.complex64)), "FC203"),
        (lambda f: write(f / "late.nii.gz", values(2), np.diag([99, 1, 1, 1])), "FC204"),
        (lambda f: write(f / "late.nii.gz", values(2), srow_x=[0, 0, 0, 0]), "FC204"),
        (lambda f: write(f / "late.nii.gz", values(2), srow_x=[np.nan, 0, 0, 0]), "FC204"),
        (lambda f: write(f / "late.nii.gz", values(2, (7, 6, 5))), "FC205"),
        (lambda f: write(f / "lesion.nii.gz", values(2), AFFINE + np.eye(4, k=3)), "FC205"),
        (lambda f: write(f / "late.nii", values(2)), "FC153"),
    ],
)
def test_what_headers_show_sets_the_examination_aside(tmp_path: Path, spoil, code: str) -> None:
    write_plain(tmp_path / "JANE", lesion=True)
    write_plain(tmp_path / "MARY")
    spoil(tmp_path / "JANE")
    found = find_nifti([tmp_path])
    assert _errors(found) == [(code, "JANE")]
    assert [item.patient for item in found.examinations] == ["MARY"]
    assert "JANE" not in _sentences(found)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda f: _cut(f / "late.nii.gz"), "FC202"),
        (lambda f: _flip(f / "late.nii.gz"), "FC202"),
        (lambda f: (f / "late.nii.gz").unlink(), "FC202"),
        (lambda f: write(f / "late.nii.gz", values(2, (9, 6, 4))), "FC205"),
        (lambda f: write(f / "late.nii.gz", np.full(SHAPE, np.nan, np.float32)), "FC206"),
        (lambda f: write(f / "late.nii.gz", np.full(SHAPE, 1e38, np.float64)), "FC206"),
        (lambda f: write(f / "late.nii.gz", np.full(SHAPE, 7, np.int16)), "FC207"),
        (lambda f: write(f / "lesion.nii.gz", np.zeros(SHAPE, np.uint8)), "FC209"),
    ],
)
def test_what_voxels_show_is_raised_when_they_are_read(tmp_path: Path, spoil, code: str) -> None:
    write_plain(tmp_path / "JANE", lesion=True)
    (examination,) = find_nifti([tmp_path]).examinations
    spoil(tmp_path / "JANE")
    with pytest.raises(FedchemoError) as caught:
        examination.read()
    assert caught.value.code == code
    assert "JANE" not in str(caught.value)
    assert caught.value.__cause__ is None


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)


def test_after_treatment_nothing_may_be_left_of_the_lesion(tmp_path: Path) -> None:
    write_plain(tmp_path / "P" / "T3")
    write(tmp_path / "P" / "T3" / "lesion.nii.gz", np.zeros(SHAPE, np.uint8))
    scan = find_nifti([tmp_path]).examinations[0].read()
    assert scan.lesion is not None
    assert not scan.lesion.any()


def test_two_folders_with_the_same_examination_are_not_chosen_from(tmp_path: Path) -> None:
    write_plain(tmp_path / "a" / "JANE")
    write_plain(tmp_path / "b" / "Jane" / "T0")
    write_plain(tmp_path / "b" / "Jane" / "T1")
    found = find_nifti([tmp_path])
    assert [code for code, _ in _errors(found)] == ["FC153"]
    assert [(item.patient, item.visit) for item in found.examinations] == [("Jane", "T1")]


def test_of_two_folders_the_fuller_one_is_taken_and_it_is_said(tmp_path: Path) -> None:
    write_numbered(tmp_path / "thin" / "A_1", "a_1", 0, 1, 2)
    write_numbered(tmp_path / "full" / "A_1", "a_1", *range(6))
    found = find_nifti([tmp_path])
    assert found.problems == ()
    (examination,) = found.examinations
    assert examination.source == tmp_path / "full" / "A_1"
    assert any("fewer phases" in sentence for sentence in examination.left)


@pytest.mark.parametrize("numbers", [(0, 1), (1, 2, 3), (5,)])
def test_numbered_phases_that_are_too_few(tmp_path: Path, numbers) -> None:
    write_numbered(tmp_path / "JANE_1", "jane_1", *numbers)
    found = find_nifti([tmp_path])
    assert _errors(found) == [("FC201", "JANE_1")]
    assert found.examinations == ()


def test_strange_files_lonely_masks_and_strange_visits_are_warned_of(tmp_path: Path) -> None:
    write_plain(tmp_path / "P" / "T4")
    write(tmp_path / "S" / "t2_sagittal.nii.gz", values(0))
    write(tmp_path / "S" / "t1.nii.gz", values(0))
    write(tmp_path / "segmentations" / "expert" / "x_1.nii.gz", values(0))
    found = find_nifti([tmp_path])
    assert found.examinations == ()
    assert {problem.severity for problem in found.problems} == {"warning"}
    assert sorted(problem.code for problem in found.problems) == ["FC114", "FC152", "FC152"]
    assert "2 NIfTI files" in _sentences(found)


def test_a_header_without_orientation_is_warned_of(tmp_path: Path) -> None:
    write_plain(tmp_path / "P", sform_code=0, qform_code=0)
    found = find_nifti([tmp_path])
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC204", "warning")]
    assert len(found.examinations) == 1


def test_text_in_headers_is_reported_by_field_and_gone_once_written(tmp_path: Path) -> None:
    write_plain(tmp_path / "in" / "P", lesion=True, descrip=b"JANE DOE 1951-02-03", db_name=b"JANE DOE")
    found = find_nifti([tmp_path])
    assert found.exposed == {"NIfTI db_name": 3, "NIfTI descrip": 3}
    scan = found.examinations[0].read()
    out = tmp_path / "out"
    for name in ("pre", "early", "late", "lesion"):
        write_volume(out / "P-1" / "T0" / f"{name}.nii.gz", getattr(scan, name), scan.affine)
    for path in out.rglob("*.nii.gz"):
        assert b"JANE" not in path.read_bytes()
        assert b"JANE" not in gzip.decompress(path.read_bytes())


def test_slope_and_intercept_are_applied_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    write_plain(tmp_path / "P")
    for name, slope, intercept, dtype in (
        ("pre", 4, 0, np.int16),
        ("early", 1, -1024, np.int16),
        ("late", 0.5, 0, np.float32),
    ):
        write(tmp_path / "P" / f"{name}.nii.gz", values(1), scl_slope=slope, scl_inter=intercept)
        scan = find_nifti([tmp_path]).examinations[0].read()
        read = getattr(scan, name)
        assert read.dtype == dtype
        assert (read == values(1).astype(float) * slope + intercept).all()


def test_a_key_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    write_plain(tmp_path / "a" / "P")
    write_plain(tmp_path / "a" / "Q")
    first = {item.patient: item.key for item in find_nifti([tmp_path / "a"]).examinations}
    (tmp_path / "a").rename(tmp_path / "moved")
    write(tmp_path / "moved" / "Q" / "late.nii.gz", values(3))
    second = {item.patient: item.key for item in find_nifti([tmp_path / "moved"]).examinations}
    assert first["P"] == second["P"]
    assert first["Q"] != second["Q"]
    assert first["P"] != first["Q"]


def test_a_folder_that_is_not_there_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    found = find_nifti([tmp_path / "none", tmp_path])
    assert _errors(found) == [("FC002", None)]
    assert find_nifti([tmp_path]) == Found()


def test_links_are_followed_once_and_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    write_plain(tmp_path / "far" / "P")
    near = tmp_path / "near"
    near.mkdir()
    (near / "data").symlink_to(tmp_path / "far", target_is_directory=True)
    (tmp_path / "far" / "P" / "loop").symlink_to(near, target_is_directory=True)
    (tmp_path / "far" / "P" / "._pre.nii.gz").write_bytes(b"litter of a desktop")
    found = find_nifti([near])
    assert found.problems == ()
    assert [item.patient for item in found.examinations] == ["P"]
