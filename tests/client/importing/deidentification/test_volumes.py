"""A volume is written with its voxels and its place in space, and nothing else."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from nibabel.nifti1 import Nifti1Extension

from fedchemo.client.importing.deidentification.volumes import stored, texts, write_volume
from fedchemo.shared.errors import FedchemoError

# An oblique volume with unequal spacing, in numbers that single precision holds.
OBLIQUE = np.array(
    [[-0.5625, 0.25, 0, 90.5], [-0.25, -0.5625, 0, 71.25], [0, 0, 2.5, -30.75], [0, 0, 0, 1]], dtype=float
)
TYPES = ("uint8", "int16", "uint16", "int32", "float32")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(TYPES).flatmap(
        lambda name: some.arrays(
            name,
            st.tuples(*[st.integers(2, 5)] * 3),
            elements=some.from_dtype(np.dtype(name), allow_nan=False, allow_infinity=False),
        )
    )
)
def test_voxels_type_and_place_come_back_to_the_bit(tmp_path: Path, array) -> None:
    write_volume(tmp_path / "v.nii.gz", array, OBLIQUE)
    image = nibabel.load(tmp_path / "v.nii.gz")
    back = np.asanyarray(image.dataobj)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()
    assert (image.affine == OBLIQUE).all()
    assert np.allclose(image.header.get_qform(), OBLIQUE, atol=1e-5)


def test_the_header_holds_geometry_only(tmp_path: Path) -> None:
    path = tmp_path / "JANE_DOE.nii.gz"
    write_volume(path, np.arange(24, dtype=np.int16).reshape(2, 3, 4), OBLIQUE)
    content = path.read_bytes()
    # RFC 1952: no flags, so no name and no comment; no time; no system.
    assert content[:4] == b"\x1f\x8b\x08\x00"
    assert content[4:8] == bytes(4)
    header = nibabel.load(path).header
    assert texts(header) == []
    kept = {
        *("sizeof_hdr", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope", "scl_inter"),
        *("xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
        *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "magic"),
    }
    assert all(not header[name].tobytes().strip(b"\0") for name in header if name not in kept)
    raw = gzip.decompress(content)
    assert raw[348:352] == bytes(4)
    assert len(raw) == 352 + 24 * 2


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.uint16)
    write_volume(tmp_path / "a.nii.gz", array, OBLIQUE)
    os.utime(tmp_path, (1, 1))
    write_volume(tmp_path / "elsewhere" / "b.nii.gz", np.asfortranarray(array), OBLIQUE)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "elsewhere" / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.array([[[True, False]]]), "uint8"),
        (np.array([[[1.5]]]), "float32"),
        (np.array([[[-3]]], dtype=np.int8), "int16"),
        (np.array([[[7]]], dtype=np.int64), "int16"),
        (np.array([[[40000]]], dtype=np.int64), "uint16"),
        (np.array([[[-40000]]], dtype=np.int64), "int32"),
        (np.array([[[2**40]]], dtype=np.uint64), "float32"),
        (np.array([[[300]]], dtype=">i2"), "int16"),
    ],
)
def test_other_types_become_one_that_every_reader_knows(array, name: str) -> None:
    kept = stored(array)
    assert kept.dtype == np.dtype(name)
    assert (kept == array).all()


def test_complex_numbers_are_no_volume() -> None:
    with pytest.raises(ValueError, match="complex"):
        stored(np.zeros((2, 2, 2), dtype=np.complex64))


def test_nothing_is_left_where_a_volume_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "v.nii.gz").mkdir()
    with pytest.raises(FedchemoError) as caught:
        write_volume(tmp_path / "v.nii.gz", np.zeros((2, 2, 2), dtype=np.uint8), OBLIQUE)
    assert caught.value.code == "FC004"
    assert [path.name for path in tmp_path.iterdir()] == ["v.nii.gz"]


@pytest.mark.parametrize("field", ["descrip", "aux_file", "db_name", "intent_name", "data_type"])
def test_text_in_a_header_is_named(field: str) -> None:
    header = nibabel.Nifti1Header()
    header[field] = b"JANE DOE"
    assert texts(header) == [field]


def test_an_extension_is_named() -> None:
    header = nibabel.Nifti1Header()
    header.extensions.append(Nifti1Extension("comment", b"JANE DOE"))
    assert texts(header) == ["extension"]
