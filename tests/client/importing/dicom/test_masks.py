"""A lesion's outline and I-SPY2's functional tumour volume come with the examination they were drawn on."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from fedchemo.client.importing.dicom import find_dicom
from fedchemo.client.importing.dicom import segmentation as reading
from fedchemo.shared.errors import FedchemoError
from tests.client.importing.dicom.made import (
    CORONAL,
    Grid,
    Study,
    phases,
    write_analysis_mask,
    write_segmentation,
    write_series,
)

TIMES = (0, 150, 450)
VOLSER = "ISPY2: VOLSER: uni-lateral cropped:"
BOTH = "ISPY2: VOLSER: bi-lateral:"


def _mask(shape=(12, 10, 6)):
    mask = np.zeros(shape, bool)
    mask[2:5, 3:6, 2:4] = True
    # No symmetry, so that a flipped axis shows.
    mask[5, 3, 2] = mask[2, 6, 3] = mask[3, 3, 4] = True
    return mask


@pytest.mark.parametrize("grid", [Grid(), Grid(CORONAL, between=-2.5)])
@pytest.mark.parametrize("plainly", [False, True])
def test_a_segmentation_of_the_lesion(study, monkeypatch, grid, plainly):
    if plainly:
        monkeypatch.setattr(reading, "_by_highdicom", lambda *_: 1 / 0)
    files = write_series(study, phases(), times=TIMES, grid=grid)
    mask = _mask() if grid.between > 0 else _mask()[:, :, ::-1]
    write_segmentation(study, mask, files[:6], study.folder / "seg.dcm")
    (examination,) = find_dicom([study.folder]).examinations
    np.testing.assert_array_equal(examination.read().lesion, mask)
    assert "Lesion: series 90 (1 image)." in examination.taken
    assert not any("90" in said for said in examination.left)


@pytest.mark.parametrize("plainly", [False, True])
def test_only_the_segment_of_the_lesion_counts(study, monkeypatch, plainly):
    if plainly:
        monkeypatch.setattr(reading, "_by_highdicom", lambda *_: 1 / 0)
    files = write_series(study, phases(), times=TIMES)
    write_segmentation(study, _mask(), files[:6], study.folder / "seg.dcm", labels=("Tumor", "Whole breast"))
    np.testing.assert_array_equal(find_dicom([study.folder]).examinations[0].read().lesion, _mask())


def test_a_segmentation_on_a_coarser_grid_is_brought_onto_the_images(study):
    files = write_series(study, phases(), times=TIMES)
    coarse = Study(study.folder / "coarse")
    other = write_series(
        coarse, phases(1, (6, 5, 6)), number=40, times=[0], description="mask grid test",
        grid=Grid(origin=(-19.25, -29.25, 10.0), spacing=(3.0, 3.0)),
    )  # fmt: skip
    mask = np.zeros((6, 5, 6), bool)
    mask[1:3, 2, 3] = True
    write_segmentation(study, mask, other, study.folder / "seg.dcm")
    assert files
    found = find_dicom([study.folder]).examinations[0].read().lesion
    np.testing.assert_array_equal(found, mask.repeat(2, axis=0).repeat(2, axis=1))


def test_a_segmentation_of_other_images_is_left(tmp_path, study):
    files = write_series(study, phases(), times=TIMES)
    write_segmentation(study, _mask(), files[:6], study.folder / "seg.dcm")
    made = pydicom.dcmread(study.folder / "seg.dcm")
    made.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
    made.FrameOfReferenceUID = "1.2.4"
    made.save_as(study.folder / "seg.dcm")
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().lesion is None
    assert any("drawn on other images" in said for said in examination.left)


def test_the_later_of_two_segmentations_is_taken(study):
    files = write_series(study, phases(), times=TIMES)
    write_segmentation(study, ~_mask(), files[:6], study.folder / "a.dcm", number=90)
    write_segmentation(study, _mask(), files[:6], study.folder / "b.dcm", number=91)
    (examination,) = find_dicom([study.folder]).examinations
    np.testing.assert_array_equal(examination.read().lesion, _mask())
    assert any("Series 90" in said and "preferred" in said for said in examination.left)


def test_a_segmentation_beside_the_images_is_refused(study):
    files = write_series(study, phases(), times=TIMES)
    far = Study(study.folder / "far")
    other = write_series(
        far, phases(1), number=40, times=[0], description="grid test", grid=Grid(origin=(500.0, 0.0, 0.0))
    )
    write_segmentation(study, _mask(), other, study.folder / "seg.dcm")
    assert files
    with pytest.raises(FedchemoError, match="FC128"):
        find_dicom([study.folder]).examinations[0].read()


def test_a_segmentation_drawn_on_diffusion_is_left(study):
    files = write_series(study, phases(), times=TIMES)
    write_segmentation(
        study, _mask(), files[:6], study.folder / "s.dcm", description="DWI SEG: from S4: Whole Tumor"
    )
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().lesion is None
    assert any("diffusion" in said for said in examination.left)


@pytest.mark.parametrize("grid", [None, Grid()], ids=["paired by its ratio", "with geometry"])
def test_the_inverse_bit_mask_of_ispy2(study, grid):
    write_series(study, phases(), number=51800, description=f"{VOLSER} original DCE", times=TIMES)
    write_series(study, phases(1), number=51000, description=f"{VOLSER} SER", times=[0])
    bits = np.where(_mask(), 0, np.random.default_rng(0).choice([1, 2, 3, 8, 32, 64], _mask().shape)).astype(
        np.uint8
    )
    write_analysis_mask(study, bits, study.folder / "mask.dcm", grid=grid)
    (examination,) = find_dicom([study.folder]).examinations
    scan = examination.read()
    np.testing.assert_array_equal(scan.ftv, _mask())
    assert scan.lesion is None
    assert any("Functional tumour volume" in said for said in examination.taken)


def test_frames_follow_the_numbers_of_the_ratio(study):
    """The ratio's first image is the topmost slice, so the mask's first frame is too."""

    def backwards(made, order, index):
        made.InstanceNumber = 6 - index

    write_series(study, phases(), number=51800, description=f"{VOLSER} original DCE", times=TIMES)
    write_series(study, phases(1), number=51000, description=f"{VOLSER} SER", times=[0], change=backwards)
    bits = np.where(_mask()[:, :, ::-1], 0, 1).astype(np.uint8)
    write_analysis_mask(study, bits, study.folder / "mask.dcm")
    np.testing.assert_array_equal(find_dicom([study.folder]).examinations[0].read().ftv, _mask())


def test_a_mask_pairs_by_description(study):
    write_series(study, phases(), number=51800, description=f"{VOLSER} original DCE", times=TIMES)
    write_series(study, phases(1), number=51000, description=f"{VOLSER} SER", times=[0])
    write_series(study, phases(1), number=52000, description=f"{BOTH} SER", times=[0])
    bits = np.zeros((12, 10, 6), np.uint8)
    write_analysis_mask(
        study, bits, study.folder / "mask.dcm", number=52900, description=f"{BOTH} Analysis Mask"
    )
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().ftv is None
    assert any("of other images" in said for said in examination.left)


def test_a_mask_that_does_not_fit_is_refused(study):
    write_series(study, phases(), number=51800, description=f"{VOLSER} original DCE", times=TIMES)
    write_series(study, phases(1), number=51000, description=f"{VOLSER} SER", times=[0])
    write_analysis_mask(study, np.zeros((12, 10, 5), np.uint8), study.folder / "mask.dcm")
    with pytest.raises(FedchemoError, match="FC128"):
        find_dicom([study.folder]).examinations[0].read()
