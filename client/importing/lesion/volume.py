"""The volume of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MM3_IN_CC = 1000.0


def volume_cc(mask: NDArray[np.bool_], affine: NDArray[np.floating[Any]]) -> float:
    """Return the volume of the marked voxels in cm3.

    Args:
        mask: (x, y, z), True inside.
        affine: 4 x 4, voxel to millimetres; the volume of a voxel is its determinant, so slices that overlap or
            leave gaps count by the distance between them, not by their thickness.
    """
    voxel_mm3 = abs(float(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3])))
    return int(np.count_nonzero(mask)) * voxel_mm3 / _MM3_IN_CC
