"""Resampling against what is known without it: identity, linear fields, averages, SciPy and PyTorch."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fedchemo.shared.imaging.resample import lay, lay_cube, resample


def on_grid(volume, voxels_mm, centre, *, grid, spacing_mm):
    axes = lay_cube(volume.shape, voxels_mm, centre, grid=grid, spacing_mm=spacing_mm)
    crop = tuple(axis.voxels for axis in axes)
    return resample(np.ascontiguousarray(volume[crop]), axes)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_volumes_own_grid_gives_the_volume_back():
    volume = noise((9, 12, 7))
    found = on_grid(volume, (2.0, 2.0, 2.0), (4.0, 5.5, 3.0), grid=volume.shape, spacing_mm=2.0)
    assert np.array_equal(found, volume)


def test_axes_keep_their_order():
    volume = np.zeros((16, 16, 16), np.float32)
    volume[4, 8, 11] = 1
    found = on_grid(volume, (1.0, 1.0, 1.0), (7.5, 7.5, 7.5), grid=(16, 16, 16), spacing_mm=1.0)
    assert np.unravel_index(found.argmax(), found.shape) == (4, 8, 11)


def test_finer_grids_are_linear_interpolation():
    volume = noise((20, 18, 8))
    found = on_grid(volume, (1.5, 2.0, 7.0), (9.3, 8.1, 3.4), grid=(12, 12, 12), spacing_mm=1.25)
    steps = np.arange(12) - 5.5
    where = np.meshgrid(
        9.3 + steps * 1.25 / 1.5, 8.1 + steps * 1.25 / 2, 3.4 + steps * 1.25 / 7, indexing="ij"
    )
    assert np.allclose(found, ndimage.map_coordinates(volume, where, order=1), atol=1e-5)


def test_coarser_grids_are_torchs_antialiased_resize():
    volume = noise((30, 24, 18))
    found = on_grid(volume, (1.0, 1.0, 1.0), (14.5, 11.5, 8.5), grid=(10, 8, 6), spacing_mm=3.0)
    plane = torch.from_numpy(volume).permute(2, 0, 1)[:, None]
    plane = torch.nn.functional.interpolate(plane, size=(10, 8), mode="bilinear", antialias=True)[
        :, 0
    ].permute(1, 2, 0)
    last = torch.nn.functional.interpolate(plane[None], size=(8, 6), mode="bilinear", antialias=True)[0]
    assert np.allclose(found, last.numpy(), atol=1e-5)


def test_detail_finer_than_the_grid_is_averaged_not_aliased():
    stripes = np.zeros((60, 10, 10), np.float32)
    stripes[::2] = 1
    found = on_grid(stripes, (0.5, 1.5, 1.5), (29.5, 4.5, 4.5), grid=(16, 6, 6), spacing_mm=1.5)
    assert np.abs(found - 0.5).max() < 0.07


@settings(deadline=None, max_examples=100)
@given(
    size=st.integers(2, 60),
    voxel_mm=st.floats(0.3, 15),
    place=st.floats(-0.5, 1.5),
    grid=st.integers(1, 50),
    spacing_mm=st.floats(0.5, 5),
)
def test_rows_are_means_inside_and_zero_outside(size, voxel_mm, place, grid, spacing_mm):
    centre = place * (size - 1)
    axis = lay(size=size, voxel_mm=voxel_mm, centre=centre, grid=grid, spacing_mm=spacing_mm)
    total = axis.weights.toarray().sum(axis=1)
    positions = centre + (np.arange(grid) - (grid - 1) / 2) * spacing_mm / voxel_mm
    inside = (positions >= -0.5) & (positions <= size - 0.5)
    assert np.allclose(total, inside, atol=1e-6)
    assert axis.weights.data.min(initial=0) >= 0
    assert 0 <= axis.voxels.start < axis.voxels.stop <= size


def test_a_linear_field_stays_linear_inside():
    x, y, z = np.indices((40, 40, 20), dtype=np.float32)
    field = 2 * x - y + 3 * z
    found = on_grid(field, (1.0, 1.0, 2.0), (20.0, 19.0, 9.0), grid=(9, 9, 9), spacing_mm=2.0)
    steps = (np.arange(9) - 4) * 2.0
    wanted = (
        2 * (20 + steps)[:, None, None] - (19 + steps)[None, :, None] + 3 * (9 + steps / 2)[None, None, :]
    )
    assert np.allclose(found, wanted, atol=1e-3)
