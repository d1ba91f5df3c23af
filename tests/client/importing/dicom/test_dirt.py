"""Whatever lies in a folder: never a traceback, never a file passed off as what it is not."""

from __future__ import annotations

import random
import shutil
import warnings

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.importing.dicom import find_dicom
from fedchemo.shared.errors import FedchemoError
from tests.client.importing.dicom.made import Study, phases, write_enhanced, write_segmentation, write_series


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    for number in range(2):
        study = Study(folder / f"p{number}", patient=f"P{number}")
        files = write_series(study, phases(seed=number, shape=(8, 6, 4)))
        mask = phases(1, (8, 6, 4))[0] > 100
        write_segmentation(study, mask, files[:4], study.folder / "seg.dcm")
    write_enhanced(
        Study(folder / "p2", patient="P2"), phases(shape=(8, 6, 4)), folder / "p2" / "e", times=(0, 150, 450)
    )
    return folder


def _zero(content, rng):
    return b""


def _cut(content, rng):
    return content[: rng.randrange(len(content))]


def _flip(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 40)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _junk(content, rng):
    return rng.randbytes(rng.randrange(1, 3000))


def _text(content, rng):
    return "Patientin: DOE, Größe 1,70 m\n".encode("latin-1") * 9


def _head(content, rng):
    return content[:132] + rng.randbytes(200)


def _no_head(content, rng):
    return content[132:]


LOSES = {_zero, _cut, _junk, _text, _head}
DIRT = [_zero, _cut, _flip, _junk, _text, _head, _no_head]
KEYWORDS = [
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "BitsAllocated",
    "ContentTime", "AcquisitionTime", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "StudyDate", "Modality",
    "SeriesDescription", "SeriesNumber", "InstanceNumber", "EchoTime", "RescaleSlope", "SpecificCharacterSet",
    "TransferSyntaxUID",
]  # fmt: skip
VALUES = [
    b"",
    b"nan",
    b"inf\\-inf\\1e999",
    b"\xff\xfe\\\xa0",
    b"0\\0\\0\\0\\0\\0",
    b"-1",
    b"1e400",
    b"ISO_IR 999",
]


def _retag(path, rng):
    made = pydicom.dcmread(path)
    for _ in range(rng.randrange(1, 4)):
        keyword = rng.choice(KEYWORDS)
        tag = pydicom.datadict.tag_for_keyword(keyword)
        target = made.file_meta if keyword == "TransferSyntaxUID" else made
        if rng.random() < 0.3 and tag in target:
            del target[tag]
        else:
            value = rng.choice(VALUES)
            raw = pydicom.dataelem.RawDataElement(
                pydicom.tag.Tag(tag), pydicom.datadict.dictionary_VR(tag), len(value), value, 0, False, True
            )
            target._dict[pydicom.tag.Tag(tag)] = raw
    try:
        pydicom.dcmwrite(path, made, enforce_file_format=False)
    except Exception:  # noqa: BLE001 - what cannot be written is left as a torn file
        path.write_bytes(path.read_bytes()[:300])


def _read(found):
    """Each patient's voxels, or why there are none."""
    result = {}
    for examination in found.examinations:
        try:
            result[examination.patient] = examination.read()
        except FedchemoError as wrong:
            result[examination.patient] = wrong
    return result


def _assert_same(scan, clean):
    for name in ("pre", "early", "late", "affine"):
        np.testing.assert_array_equal(getattr(scan, name), getattr(clean, name))
    # A mask that was damaged is left out, and said.
    if scan.lesion is not None:
        np.testing.assert_array_equal(scan.lesion, clean.lesion)


@pytest.fixture(scope="module")
def clean(template):
    return _read(find_dicom([template]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_any_dirt(template, clean, tmp_path_factory, seed, count):
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("dirty") / "export"
    shutil.copytree(template, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    done: dict[str, set] = {}
    for file in rng.sample(files, count):
        kind = rng.choice([*DIRT, _retag])
        done.setdefault(file.relative_to(folder).parts[0].upper(), set()).add(kind)
        if kind is _retag:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _retag(file, rng)
        else:
            file.write_bytes(kind(file.read_bytes(), rng))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = find_dicom([folder])
        read = _read(found)
    # Warnings of libraries quote values of headers.
    assert not told
    for patient, whole in clean.items():
        changed = done.get(patient, set())
        if not changed:
            _assert_same(read[patient], whole)
        elif changed <= LOSES and patient in read and not isinstance(read[patient], FedchemoError):
            # Files that were torn or replaced may cost a patient the examination, and never change it.
            _assert_same(read[patient], whole)
    for result in read.values():
        if isinstance(result, FedchemoError):
            assert str(folder) not in str(result)
        else:
            assert result.pre.shape == result.early.shape == result.late.shape


@pytest.mark.parametrize("kind", [_zero, _text, _junk])
def test_files_that_are_no_dicom_are_named_and_the_rest_is_used(study, kind):
    write_series(study, phases())
    path = study.folder / "5" / "odd.dcm"
    path.write_bytes(kind(b"", random.Random(0)))
    found = find_dicom([study.folder])
    assert len(found.examinations) == 1
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.file) == ("FC121", "warning", str(path))


def test_a_file_cut_off_in_its_pixels_is_named_and_its_phase_refused(study):
    files = write_series(study, phases())
    content = files[8].read_bytes()
    files[8].write_bytes(content[:-10])
    found = find_dicom([study.folder])
    assert not found.examinations
    assert {(p.code, p.severity, p.patient) for p in found.problems} == {
        ("FC121", "warning", "HOSP-0001"),
        ("FC123", "error", "HOSP-0001"),
    }
    assert any("1 file of that series is cut off" in p.what for p in found.problems)


def test_a_folder_that_may_not_be_read(study, monkeypatch):
    import os

    from fedchemo.client.importing.dicom import walk

    write_series(study, phases())
    (study.folder / "locked").mkdir()
    scandir = os.scandir

    def guarded(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", guarded)
    found = find_dicom([study.folder])
    assert len(found.examinations) == 1
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC004", "warning")]
