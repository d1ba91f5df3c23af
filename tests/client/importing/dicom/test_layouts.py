"""Files are known by what stands in them: any arrangement of one study gives one result."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import Study, phases, write_series


def _tcia(order, index):
    return f"ISPY2/P/03-05-2020-1T0-ISPY2MRIT0-12345/5.000000-dyn-54321/1-{order * 6 + index + 1:03d}.dcm"


LAYOUTS = {
    "TCIA, descriptive": _tcia,
    "TCIA, classic": lambda order, index: f"C/P/1.2.3/1.2.3.4/{order:06d}-{index}.dcm",
    "flat": lambda order, index: f"IM{(order * 7 + index * 5) % 97:04d}_{order}_{index}",
    "PACS": lambda order, index: f"DICOM/PA000000/ST000000/SE{order:06d}/IM{index:06d}",
    "upper case, without extension": lambda order, index: f"A/B/{index}/{order}/I.{order}.{index}.IMA",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(tmp_path, layout):
    volumes = phases(4)
    study = Study(tmp_path)
    write_series(study, volumes, times=(0, 150, 300, 450), names=LAYOUTS[layout])
    (tmp_path / "LICENSE").write_text("no image")
    (tmp_path / "metadata.csv").write_text("a,b\n")
    found = find_dicom([tmp_path])
    assert not found.problems
    (examination,) = found.examinations
    assert (examination.patient, examination.visit) == ("HOSP-0001", "T0")
    assert examination.times_s == (150.0, 450.0)
    assert str(examination.date) == "2020-03-05"
    assert examination.scanner.model == "Avanto"
    scan = pickle.loads(pickle.dumps(examination.read))()
    for volume, expected in zip(
        (scan.pre, scan.early, scan.late), (volumes[0], volumes[1], volumes[3]), strict=True
    ):
        np.testing.assert_array_equal(volume, expected)
        assert volume.dtype == np.uint16


def test_a_media_directory_is_passed_over(tmp_path, study):
    write_series(study, phases())
    media = FileSet()
    for file in study.folder.rglob("*.dcm"):
        media.add(file)
    media.write(tmp_path / "media")
    shutil.copy(tmp_path / "media" / "DICOMDIR", tmp_path / "media" / "INDEX")
    found = find_dicom([tmp_path / "media"])
    assert len(found.examinations) == 1
    assert not found.problems


def test_files_without_preamble(study):
    def save(made, path):
        del made.file_meta
        pydicom.dcmwrite(path, made, implicit_vr=True, little_endian=True, enforce_file_format=False)

    volumes = phases()
    write_series(study, volumes, times=(0, 150, 450), save=save)
    (examination,) = find_dicom([study.folder]).examinations
    np.testing.assert_array_equal(examination.read().late, volumes[2])


def test_overlapping_folders_and_links_in_circles_count_once(study):
    write_series(study, phases())
    (study.folder / "5" / "again").symlink_to(study.folder)
    found = find_dicom([study.folder, study.folder / "5"])
    assert len(found.examinations) == 1
    assert not found.problems
    assert found.exposed["PatientID"] == 18


def test_copies_are_taken_once_and_said(study):
    files = write_series(study, phases())
    for file in files[:5]:
        shutil.copy(file, file.with_name(f"copy-{file.name}"))
    found = find_dicom([study.folder])
    assert len(found.examinations) == 1
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("FC123", "warning")
    assert "5 of the files" in problem.what


def test_two_different_images_of_one_identity_are_refused(study):
    files = write_series(study, phases())
    other = pydicom.dcmread(files[3])
    other.ImagePositionPatient = [0, 0, 500]
    other.save_as(files[3].with_name("other.dcm"))
    found = find_dicom([study.folder])
    assert not found.examinations
    assert any(problem.code == "FC123" and "one identity" in problem.what for problem in found.problems)


def test_key_changes_with_files_and_settings_only(tmp_path):
    from fedchemo.client.importing.contract import Timing

    study = Study(tmp_path / "here")
    write_series(study, phases(5))
    before = find_dicom([study.folder]).examinations[0].key
    assert find_dicom([study.folder]).examinations[0].key == before
    assert find_dicom([study.folder], timing=Timing(90, 270)).examinations[0].key != before
    shutil.copytree(study.folder, tmp_path / "there", copy_function=shutil.copy2)
    assert find_dicom([tmp_path / "there"]).examinations[0].key == before
    file = next((study.folder).rglob("*0001.dcm"))
    file.touch()
    assert find_dicom([study.folder]).examinations[0].key != before


def test_nothing_there(tmp_path):
    assert not find_dicom([tmp_path]).examinations
    (problem,) = find_dicom([tmp_path / "absent"]).problems
    assert problem.code == "FC002"


def test_progress_reaches_the_end(study):
    write_series(study, phases())
    told = []
    find_dicom([study.folder], progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 18)
    assert told[-1] == (18, 18)


def test_many_files_are_read_by_processes_with_the_same_result(study, monkeypatch):
    from fedchemo.client.importing.dicom import sweep

    for number in range(3):
        patient = replace(study, patient=f"P{number}", folder=study.folder / str(number))
        write_series(patient, phases())
    alone = find_dicom([study.folder])
    monkeypatch.setattr(sweep, "_ALONE", 0)
    monkeypatch.setattr(sweep, "_BATCH", 20)
    monkeypatch.setattr(sweep.os, "cpu_count", lambda: 2)
    together = find_dicom([study.folder])
    assert [one.key for one in together.examinations] == [one.key for one in alone.examinations]
    assert together.exposed == alone.exposed
