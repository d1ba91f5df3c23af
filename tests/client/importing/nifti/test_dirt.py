"""Whatever lies in a folder, there is no traceback and no value that is silently wrong."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.importing.contract import Examination, Scan
from fedchemo.client.importing.nifti import find_nifti
from fedchemo.shared.errors import FedchemoError
from tests.client.importing.nifti.conftest import values, write_plain

PATIENT = "JANE_DOE"
NAMES = ("pre", "early", "late", "lesion")


@st.composite
def spoilt(draw: st.DrawFn, original: bytes) -> bytes:
    """A file that was cut, had bytes changed before or after compression, or is something else altogether."""
    kind = draw(st.sampled_from(["cut", "flip", "header", "header", "junk", "grown", "cut inside"]))
    raw = bytearray(gzip.decompress(original))
    if kind == "cut":
        return original[: draw(st.integers(0, len(original) - 1))]
    if kind == "flip":
        changed = bytearray(original)
        changed[draw(st.integers(0, len(original) - 1))] ^= draw(st.integers(1, 255))
        return bytes(changed)
    if kind == "header":
        for _ in range(draw(st.integers(1, 4))):
            raw[draw(st.integers(0, 351))] = draw(st.integers(0, 255))
        return gzip.compress(bytes(raw), 1)
    if kind == "junk":
        return draw(st.binary(max_size=400))
    if kind == "grown":
        return original + draw(st.binary(min_size=1, max_size=40))
    return gzip.compress(bytes(raw[: draw(st.integers(0, len(raw) - 1))]), 1)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_refused_or_read_right(tmp_path_factory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("dirt")
    try:
        write_plain(folder / PATIENT, lesion=True)
        name = data.draw(st.sampled_from(NAMES))
        path = folder / PATIENT / f"{name}.nii.gz"
        content = data.draw(spoilt(path.read_bytes()))
        path.write_bytes(content)
        _look(folder)
    finally:
        shutil.rmtree(folder)


def _read(examination: Examination) -> Scan | FedchemoError:
    try:
        return examination.read()
    except FedchemoError as refused:
        return refused


def _look(folder: Path) -> None:
    found = find_nifti([folder])
    assert len(found.examinations) + sum(problem.severity == "error" for problem in found.problems) >= 1
    for problem in found.problems:
        assert PATIENT not in problem.what + problem.remedy
    for examination in found.examinations:
        scan = _read(examination)
        if isinstance(scan, FedchemoError):
            assert scan.code.startswith("FC2")
            assert PATIENT not in str(scan)
            continue
        assert scan.pre.shape == scan.early.shape == scan.late.shape
        for phase in (scan.pre, scan.early, scan.late):
            assert np.isfinite(phase).all()
            assert phase.dtype.name in {"uint8", "int16", "uint16", "int32", "float32"}
        assert np.isfinite(scan.affine).all()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_after_the_header_never_changes_a_voxel_unseen(tmp_path_factory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("dirt")
    try:
        write_plain(folder / PATIENT)
        path = folder / PATIENT / "late.nii.gz"
        content = bytearray(path.read_bytes())
        # The first ten bytes of gzip hold time and system, which nothing checks.
        content[data.draw(st.integers(10, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        for examination in find_nifti([folder]).examinations:
            scan = _read(examination)
            assert isinstance(scan, FedchemoError) or (scan.late == values(2)).all()
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["", "P1", "T0", "P1/T1", "images/p_1", "segmentations/expert", "p.1/T9"]),
            st.sampled_from(
                ["pre", "Early", "late", "lesion", "p_1_0000", "p_1_0003", "p_1", "x_mask", "scan"]
            ),
            st.sampled_from([".nii", ".nii.gz", ".NII.GZ", ".dcm", ""]),
        ),
        st.sampled_from([b"", b"\x1f\x8b\x08", b"DICM", bytes(600)]),
        max_size=12,
    )
)
def test_any_tree_of_empty_and_foreign_files_is_taken_calmly(tmp_path_factory, tree) -> None:
    folder = tmp_path_factory.mktemp("tree")
    try:
        for (place, name, suffix), content in tree.items():
            path = folder / place / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_dir():
                path.write_bytes(content)
        assert find_nifti([folder]).examinations == ()
    finally:
        shutil.rmtree(folder)
