"""Every kind of problem is found at once, the patient named, and the rest of the site goes on."""

from __future__ import annotations

import shutil
import tracemalloc

import numpy as np
import pytest

from fedchemo.client.validation import validate_site
from fedchemo.shared.catalogue import CATALOGUE
from tests.client.validation.conftest import IMAGED, PATIENTS, about

USUAL = {"FC105", "FC172"}  # Columns that these sites lack, and small splits.


def test_a_site_in_order_is_usable_without_a_word_on_any_patient(site):
    found = validate_site(site)
    assert found.usable
    assert {code for code, *_ in about(found.problems)} <= USUAL
    assert found.set_aside == ()
    assert found.counts["patients"] == PATIENTS
    assert found.counts["images_checked"] == IMAGED


def test_all_problems_of_all_patients_come_at_once(site, change_table, change_image):
    place = site / "images"
    change_image(0, "early", lambda voxels: voxels - 2 * (voxels - 100))
    change_image(0, "late", lambda voxels: voxels - 2 * (voxels - 100))
    change_image(1, "pre", lambda voxels: voxels * 0 + 3)
    change_image(1, "late", lambda voxels: voxels * np.nan)
    change_image(2, "early", lambda voxels: voxels, moved_mm=20)
    change_image(3, "lesion", lambda voxels: 1 - voxels)
    shutil.copy(place / "NORTH-004/T0/early.nii.gz", place / "NORTH-004/T0/late.nii.gz")
    (place / "NORTH-005/T0/pre.nii.gz").write_bytes(b"")

    def spoil(table):
        table.loc[10, "age_years"] = "4800"
        table.loc[11, "hr"] = "positive"
        table.loc[12, "age_years"] = "16"
        table["surname"] = "x"

    change_table(spoil)
    found = validate_site(site, workers=2)
    assert [p for p in about(found.problems) if p[0] not in USUAL] == [
        ("FC108", "error", "NORTH-011", "hr"),
        ("FC109", "error", "NORTH-010", "age_years"),
        ("FC161", "error", "NORTH-000", None),
        ("FC162", "error", "NORTH-004", None),
        ("FC163", "error", "NORTH-003", None),
        ("FC202", "error", "NORTH-005", None),
        ("FC205", "error", "NORTH-002", None),
        ("FC206", "error", "NORTH-001", None),
        ("FC207", "error", "NORTH-001", None),
        ("FC168", "warning", "NORTH-012", "age_years"),
        ("FC176", "warning", None, "surname"),
    ]
    assert found.usable
    assert {(item.patient, item.what) for item in found.set_aside} == {
        *((f"NORTH-{number:03d}", "image") for number in range(6)),
        ("NORTH-010", "patient"),
        ("NORTH-011", "patient"),
    }
    for problem in found.problems:
        assert problem.code in CATALOGUE
        assert problem.what
        assert problem.remedy
        assert not problem.remedy.endswith(".")


def test_a_copied_examination_sets_both_aside_even_in_other_files(site, change_image):
    images = site / "images"
    shutil.rmtree(images / "NORTH-001")
    shutil.copytree(images / "NORTH-000", images / "NORTH-001")
    change_image(1, "early", lambda voxels: voxels)  # other bytes, the same voxels
    found = validate_site(site)
    assert about(found.problems, "FC165", "FC166") == [
        ("FC165", "error", "NORTH-000", None),
        ("FC165", "error", "NORTH-001", None),
    ]
    assert "NORTH-001" in next(p.what for p in found.problems if p.patient == "NORTH-000")


def test_a_rescaled_copy_is_told_with_the_splits_it_leaks_between(site, change_table, change_image):
    images = site / "images"
    shutil.rmtree(images / "NORTH-001")
    shutil.copytree(images / "NORTH-000", images / "NORTH-001")
    for phase in ("pre", "early", "late"):
        change_image(1, phase, lambda voxels: 1.7 * voxels + 4)
    change_table(
        lambda table: table.assign(
            split=["train", "test", *["train", "validation", "test"] * 20][: len(table)]
        )
    )
    (problem,) = [p for p in validate_site(site).problems if p.code == "FC166"]
    assert problem.severity == "warning"
    assert "NORTH-001" in problem.what
    assert "different splits (train, test)" in problem.what


def test_two_patients_with_every_value_alike_are_told_once(site, change_table):
    def spoil(table):
        columns = [name for name in table.columns if name != "patient_id"]
        table.loc[20, columns] = table.loc[30, columns].to_numpy()
        # Too little is known of these two for more than chance.
        table.loc[[40, 41], columns] = ["0", "", "1", "0", "", ""]

    change_table(spoil)
    assert about(validate_site(site, images=False).problems, "FC167") == [
        ("FC167", "warning", "NORTH-030", None)
    ]


def test_a_mask_a_hundred_times_the_table_is_told(site, change_table):
    change_table(lambda table: table.__setitem__("tumour_volume_cc", ["230", *table["tumour_volume_cc"][1:]]))
    assert about(validate_site(site).problems, "FC173") == [("FC173", "warning", "NORTH-000", None)]


def test_without_images_only_their_names_are_looked_at(site, change_image):
    change_image(0, "pre", lambda voxels: voxels * np.nan)
    found = validate_site(site, images=False)
    assert found.usable
    assert found.counts["images_checked"] == 0
    assert about(found.problems, "FC206") == []


def test_more_workers_find_the_same(site, change_image):
    change_image(2, "late", lambda voxels: voxels * np.nan)
    told = []
    one = validate_site(site, workers=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(number, IMAGED) for number in range(1, IMAGED + 1)]
    assert validate_site(site, workers=4).problems == one.problems


@pytest.mark.parametrize(
    "kind", ["empty", "no folder", "above", "no rows", "no labels", "one class", "other site"]
)
def test_a_wrong_folder_is_refused(site, change_table, tmp_path, kind):
    folder, expected, code = site, None, None
    match kind:
        case "empty":
            folder, code = tmp_path / "empty", "FC102"
            folder.mkdir()
        case "no folder":
            folder, code = tmp_path / "nowhere", "FC102"
        case "above":
            folder, code = site.parent, "FC102"
        case "no rows":
            change_table(lambda table: table[:0])
            code = "FC104"
        case "no labels":
            change_table(lambda table: table.assign(pcr=""))
            code = "FC112"
        case "one class":
            change_table(lambda table: table.assign(pcr="1"))
            code = "FC160"
        case "other site":
            expected, code = "SOUTH", "FC911"
    found = validate_site(folder, expected=expected, images=False)
    assert not found.usable
    assert [p.severity for p in found.problems if p.code == code] == ["error"]


def test_memory_does_not_grow_with_the_number_of_patients(site):
    source = site / "images" / "NORTH-000"
    peaks = []
    for patients in (10, 50):
        for number in range(patients):
            folder = site / "images" / f"NORTH-{number:03d}"
            if not folder.exists():
                shutil.copytree(source, folder)
        tracemalloc.start()
        validate_site(site)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A visit's three phases and mask are 65 kB here; what is kept of it is its signature and problems.
    assert peaks[1] - peaks[0] < 40 * 25_000
