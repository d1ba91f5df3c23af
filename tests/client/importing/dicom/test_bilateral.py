"""Of a volume of both breasts the side of the lesion is kept, and the heart is no lesion."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import Grid, phases, write_segmentation, write_series

SHAPE = (40, 30, 8)
# 40 x 8 mm from side to side, as wide as two breasts; the patient's right comes first, the front too.
GRID = Grid(origin=(-160.0, -100.0, 0.0), spacing=(8.0, 8.0), between=4.0)
CHEST = 14


def _torso(lesion_at: int | None):
    """Two breasts before a chest with a heart that enhances more than any lesion."""
    tissue = np.zeros(SHAPE, bool)
    tissue[:, CHEST:] = True
    tissue[4:16, 4:CHEST] = tissue[24:36, 4:CHEST] = True
    pre = tissue * 100 + np.random.default_rng(0).integers(0, 8, SHAPE)
    early = pre + tissue * 10
    early[24:30, CHEST + 4 : CHEST + 10] += 900
    if lesion_at is not None:
        early[lesion_at : lesion_at + 4, 6:10, 3:6] += 200
    return [volume.astype(np.uint16) for volume in (pre, early, early + 5)]


@pytest.mark.parametrize(("lesion_at", "side"), [(8, "right"), (28, "left")])
def test_the_side_of_the_strongest_enhancement(study, lesion_at, side):
    volumes = _torso(lesion_at)
    write_series(study, volumes, grid=GRID)
    (examination,) = find_dicom([study.folder]).examinations
    scan = examination.read()
    kept = slice(0, 20) if side == "right" else slice(20, 40)
    np.testing.assert_array_equal(scan.early, volumes[1][kept])
    # A kept voxel lies where it lay.
    np.testing.assert_allclose(scan.affine @ (1, 2, 3, 1), GRID.affine() @ (kept.start + 1, 2, 3, 1))
    centre = scan.affine @ (10, 15, 4, 1)
    assert (centre[0] > 0) == (side == "right")
    assert any("shows both breasts" in said and "enhances most" in said for said in examination.taken)


def test_the_side_of_the_lesion_whole(study):
    volumes = _torso(28)
    files = write_series(study, volumes, grid=GRID)
    mask = np.zeros(SHAPE, bool)
    mask[10:22, 6:9, 3:5] = True
    write_segmentation(study, mask, files[:8], study.folder / "seg.dcm")
    (examination,) = find_dicom([study.folder]).examinations
    scan = examination.read()
    assert scan.pre.shape == (22, 30, 8)
    np.testing.assert_array_equal(scan.lesion, mask[:22])
    assert any("cut to the side of the lesion" in said for said in examination.taken)


def test_sagittal_volumes_of_both_breasts(study):
    from tests.client.importing.dicom.made import SAGITTAL

    # x runs to the back, y down, slices from the patient's left to the right.
    volumes = [np.ascontiguousarray(volume.transpose(1, 2, 0)[:, ::-1]) for volume in _torso(8)]
    write_series(
        study, volumes, grid=Grid(SAGITTAL, origin=(160.0, -100.0, 28.0), spacing=(4.0, 8.0), between=8.0)
    )
    scan = find_dicom([study.folder]).examinations[0].read()
    np.testing.assert_array_equal(scan.early, volumes[1][:, :, :20])
    assert (scan.affine @ (0, 0, 10, 1))[0] < 0


def test_one_breast_is_not_cut(study):
    write_series(study, phases(), grid=GRID)
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().pre.shape == (12, 10, 6)
    assert not any("both breasts" in said for said in examination.taken)
