"""Resampling along the axes of a volume: three small sparse matrices, one an axis.

A sample is a weighted mean of voxels under a triangle that reaches one voxel to either side where the grid is
finer than the volume (linear interpolation), and one grid step where it is coarser, so that detail finer than
the grid is averaged and not aliased: the weights of the antialiased linear resize of Pillow and PyTorch. SciPy
multiplies sparse matrices in one thread and a fixed order: the same bits whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True)
class Axis:
    """The samples along one axis of a volume.

    Attributes:
        start: the first voxel that any sample needs.
        weights: sparse float32 (samples, voxels from ``start``). The row of a sample inside the volume sums
            to one; the row of a sample outside it is zero.
    """

    start: int
    weights: sparse.csr_array

    @property
    def voxels(self) -> slice:
        """Return the voxels that the samples need."""
        return slice(self.start, self.start + self.weights.shape[1])


def lay(*, size: int, voxel_mm: float, centre: float, grid: int, spacing_mm: float) -> Axis:
    """Lay ``grid`` samples, ``spacing_mm`` apart, around ``centre`` on an axis of ``size`` voxels.

    Args:
        size: voxels along the axis.
        voxel_mm: distance between two voxels.
        centre: where the middle of the grid lies, in voxels; whole numbers are the middles of voxels.
        grid: number of samples.
        spacing_mm: distance between two samples.

    Returns:
        The voxels needed and the weight of each in each sample. A voxel is a box: the volume reaches half a
        voxel beyond the middle of its first and last one, and a sample is outside only beyond that.
    """
    step = spacing_mm / voxel_mm
    reach = max(1.0, step)
    positions = centre + (np.arange(grid) - (grid - 1) / 2) * step
    start = int(np.clip(np.floor(positions[0] - reach), 0, size - 1))
    stop = int(np.clip(np.ceil(positions[-1] + reach) + 1, start + 1, size))
    voxels = np.arange(start, stop)
    weights = np.maximum(0.0, 1.0 - np.abs(voxels[None, :] - positions[:, None]) / reach)
    weights[(positions < -0.5) | (positions > size - 0.5)] = 0.0
    total = weights.sum(axis=1, keepdims=True)
    np.divide(weights, total, out=weights, where=total > 0)
    return Axis(start, sparse.csr_array(weights.astype(np.float32)))


def lay_cube(
    shape: Sequence[int],
    voxels_mm: Sequence[float],
    centre: Sequence[float],
    *,
    grid: Sequence[int],
    spacing_mm: float,
) -> tuple[Axis, Axis, Axis]:
    """Lay a grid of isotropic ``spacing_mm`` around ``centre`` (voxels) in a volume; see `lay`."""
    x, y, z = (
        lay(size=shape[i], voxel_mm=voxels_mm[i], centre=centre[i], grid=grid[i], spacing_mm=spacing_mm)
        for i in range(3)
    )
    return x, y, z


def resample(block: NDArray[np.float32], axes: Sequence[Axis]) -> NDArray[np.float32]:
    """Return ``block``, already cropped to the axes' voxels, on their grid; zero outside the volume.

    Args:
        block: float32 (x, y, z), as long along each axis as that axis has voxels.
        axes: the three axes.
    """
    for axis in axes:
        size, *rest = block.shape
        block = axis.weights @ block.reshape(size, -1)
        # The axis just done goes last; after three turns the order is the first one again.
        block = np.moveaxis(block.reshape(-1, *rest), 0, -1)
    return np.ascontiguousarray(block)
