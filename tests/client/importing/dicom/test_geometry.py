"""Volumes lie where the headers say, in any direction; what is missing, doubled or askew is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Grid,
    Study,
    phases,
    write_enhanced,
    write_series,
)


def _error(folder):
    found = find_dicom([folder])
    assert not found.examinations
    (problem,) = [problem for problem in found.problems if problem.severity == "error"]
    return problem


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, CORONAL])
@pytest.mark.parametrize("between", [2.0, -2.0])
def test_directions(study, orientation, between):
    grid = Grid(orientation, origin=(-30.5, 12.25, 7.0), spacing=(0.8, 1.25), between=between)
    volumes = phases()
    write_series(study, volumes, grid=grid, times=(0, 150, 450))
    scan = find_dicom([study.folder]).examinations[0].read()
    if between > 0:
        np.testing.assert_allclose(scan.affine, grid.affine(), atol=1e-4)
        np.testing.assert_array_equal(scan.early, volumes[1])
    # The same voxel lies in the same place, though slices were counted the other way.
    here = scan.affine @ (3, 4, 1 if between > 0 else 4, 1)
    np.testing.assert_allclose(here, grid.affine() @ (3, 4, 1, 1), atol=1e-4)
    assert scan.early[3, 4, 1 if between > 0 else 4] == volumes[1][3, 4, 1]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    origin=st.tuples(*[st.floats(-200, 200)] * 3),
    spacing=st.tuples(st.floats(0.4, 2), st.floats(0.4, 2)),
    between=st.floats(0.8, 6),
    enhanced=st.booleans(),
)
def test_any_oblique_volume_lies_where_its_header_says(
    tmp_path_factory, angles, origin, spacing, between, enhanced
):
    folder = tmp_path_factory.mktemp("oblique")
    turned = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    cosines = [float(f"{value:.6f}") for value in (*turned[:, 0], *turned[:, 1])]
    grid = Grid(
        cosines,
        [float(f"{value:.4f}") for value in origin],
        (float(f"{spacing[0]:.4f}"), float(f"{spacing[1]:.4f}")),
        float(f"{between:.4f}"),
    )
    volumes = phases(3, (6, 5, 4))
    study = Study(folder)
    if enhanced:
        write_enhanced(study, volumes, folder / "one", grid=grid, times=(0, 150, 450))
    else:
        write_series(study, volumes, grid=grid, times=(0, 150, 450))
    scan = find_dicom([folder]).examinations[0].read()
    np.testing.assert_allclose(scan.affine, grid.affine(), atol=1e-3)
    for volume, expected in zip((scan.pre, scan.early, scan.late), volumes, strict=True):
        np.testing.assert_array_equal(volume, expected)


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize("lost", [0, 3, 5])
def test_a_missing_slice_is_named(study, phase, lost):
    def change(made, order, index):
        if (order, index) == (phase, lost):
            del made.PixelData

    write_series(study, phases(), times=(0, 150, 450), change=change)
    problem = _error(study.folder)
    assert (problem.code, problem.patient) == ("FC123", "HOSP-0001")
    assert (
        f"the {('pre', 'early', 'late')[phase]} phase lacks 1 slice of 6: slice {lost + 1} (index {lost}"
        in problem.what
    )


def test_a_missing_slice_of_a_phase_that_is_not_taken_does_no_harm(study):
    def change(made, order, index):
        if (order, index) == (1, 3):
            del made.PixelData

    write_series(study, phases(6), change=change)
    assert len(find_dicom([study.folder]).examinations) == 1


def test_a_slice_that_every_phase_lacks(study):
    def change(made, order, index):
        if index == 2:
            del made.PixelData

    write_series(study, phases(), times=(0, 150, 450), change=change)
    problem = _error(study.folder)
    assert problem.code == "FC123"
    assert "1 slice missing after slice 2" in problem.what


def test_a_slice_twice_that_differs(study):
    volumes = phases()
    write_series(study, volumes, times=(0, 150, 450))

    def only(made, order, index):
        if index != 3:
            del made.PixelData

    write_series(study, [volumes[1] + 9], times=[150], change=only, first_instance=100)
    problem = _error(study.folder)
    assert problem.code == "FC123"
    assert "the early phase has 1 slice twice" in problem.what


def test_images_of_another_direction_are_left_and_counted(study):
    write_series(study, phases(), times=(0, 150, 450))
    write_series(study, phases(1, (12, 10, 2)), grid=Grid(SAGITTAL), times=[0], first_instance=100)
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().pre.shape == (12, 10, 6)
    assert any("2 images of these series: of another direction" in said for said in examination.left)


def test_a_sheared_volume_is_refused(study):
    def change(made, order, index):
        x, y, z = made.ImagePositionPatient
        made.ImagePositionPatient = [float(x) + 0.5 * index, y, z]

    write_series(study, phases(), times=(0, 150, 450), change=change)
    assert _error(study.folder).code == "FC124"


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_images_without_geometry_are_refused(study, keyword):
    def change(made, order, index):
        delattr(made, keyword)

    write_series(study, phases(), change=change)
    assert _error(study.folder).code == "FC124"


def test_phases_on_different_grids_are_not_mixed(study):
    for order, volume in enumerate(phases(4)):
        grid = Grid(origin=(-20.0 + 3 * (order == 0), -30.0, 10.0))
        write_series(study, [volume], number=order, times=[0], start=36000 + 150 * order, grid=grid)
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.times_s == (150, 300)
    assert any("Series 0" in said and "alone on its grid" in said for said in examination.left)


def test_headers_with_rounded_positions(study):
    def change(made, order, index):
        made.ImagePositionPatient = [round(float(v) + 0.013 * order, 2) for v in made.ImagePositionPatient]

    volumes = phases()
    write_series(study, volumes, times=(0, 150, 450), change=change)
    np.testing.assert_array_equal(find_dicom([study.folder]).examinations[0].read().late, volumes[2])
