"""One image under two patients is used for neither, and at run time too."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from fedchemo.client.cache import ImageCache
from fedchemo.client.cache.twins import equal_files
from fedchemo.shared.configuration import ImagingSettings
from tests.shared.imaging.made import examination, write

SETTINGS = ImagingSettings(grid=16, spacing_mm=2.0)


@pytest.fixture
def folders(tmp_path):
    return {f"P{k}": write(tmp_path / f"P{k}" / "T0", examination(seed=k)) for k in range(3)}


def copied(one, two):
    """Copy voxels into files of another kind, so that no byte of a file is alike."""
    for file in sorted(one.glob("*.nii.gz")):
        image = nibabel.load(file)
        nibabel.save(
            nibabel.Nifti1Image(np.asarray(image.dataobj).astype(np.int16), image.affine), two / file.name
        )


def test_both_patients_are_set_aside_and_named(folders, tmp_path):
    copied(folders["P0"], folders["P2"])
    cache = ImageCache(tmp_path / "cache", SETTINGS)
    refused = cache.fill(folders)
    assert {patient: error.code for patient, error in refused.items()} == {"P0": "FC165", "P2": "FC165"}
    assert "P2" in refused["P0"].what
    assert [patient for patient in folders if patient in cache] == ["P1"]


def test_swapped_and_copied_phases_are_set_aside_when_images_are_prepared(folders, tmp_path):
    pre, early = folders["P0"] / "pre.nii.gz", folders["P0"] / "early.nii.gz"
    before = pre.read_bytes()
    pre.write_bytes(early.read_bytes())
    early.write_bytes(before)
    (folders["P1"] / "late.nii.gz").write_bytes((folders["P1"] / "early.nii.gz").read_bytes())
    refused = ImageCache(tmp_path / "cache", SETTINGS).fill(folders)
    assert {patient: error.code for patient, error in refused.items()} == {"P0": "FC161", "P1": "FC162"}


def test_files_that_differ_anywhere_are_no_twins(tmp_path):
    content = bytes(range(256)) * 100
    files = {}
    for name, changed in (("a", None), ("b", None), ("c", 3), ("d", len(content) // 2), ("e", None)):
        data = bytearray(content)
        if changed is not None:
            data[changed] ^= 1
        files[name] = tmp_path / name
        files[name].write_bytes(bytes(data))
    files["gone"] = tmp_path / "gone"
    assert equal_files(files) == [("a", "b", "e")]
    assert equal_files({"gone": tmp_path / "gone"}) == []
