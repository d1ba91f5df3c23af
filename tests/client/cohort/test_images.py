from __future__ import annotations

from fedchemo.client.cohort.images import find_images

from .conftest import where, write_visit


def test_visits_with_all_phases_are_found(tmp_path):
    first = write_visit(tmp_path, "007", "T0")
    second = write_visit(tmp_path, "007", "T2", ("pre", "early", "late", "lesion"))
    images, problems = find_images(tmp_path / "images", {"007", "008"})
    assert images == {"007": {"T0": first, "T2": second}}
    assert problems == []


def test_no_folder_of_images_is_no_problem(tmp_path):
    assert find_images(tmp_path / "images", {"007"}) == ({}, [])


def test_a_missing_phase_leaves_the_patient_without_that_image(tmp_path):
    write_visit(tmp_path, "007", "T0", ("pre", "lesion"))
    kept = write_visit(tmp_path, "007", "T1")
    write_visit(tmp_path, "008", "T0", ())
    images, problems = find_images(tmp_path / "images", {"007", "008"})
    assert images == {"007": {"T1": kept}}
    assert {p.code for p in problems} == {"FC114"}
    assert {p.severity for p in problems} == {"warning"}
    assert "early.nii.gz, late.nii.gz" in problems[0].what


def test_strangers_other_visits_and_loose_files_are_warned_of(tmp_path):
    write_visit(tmp_path, "stranger", "T0")
    write_visit(tmp_path, "007", "baseline")
    (tmp_path / "images" / "readme.txt").write_text("")
    (tmp_path / "images" / ".DS_Store").write_text("")
    (tmp_path / "images" / "007" / "Thumbs.db").write_text("")
    images, problems = find_images(tmp_path / "images", {"007"})
    assert images == {}
    assert where(problems) == [
        ("FC114", "baseline", None, None, None),
        ("FC113", "readme.txt", None, None, None),
        ("FC113", "stranger", None, None, None),
    ]
