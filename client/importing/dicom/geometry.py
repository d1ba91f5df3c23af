"""Where images lie: their order along the normal, gaps, and the affine of a volume.

DICOM counts millimetres to the patient's left, back and head (LPS, PS3.3 C.7.6.2.1.1), NIfTI to the right, front and
head (RAS); the first two axes change sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.header import Frame

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# A tenth of the distance of two slices: headers are written with three decimals, a missing slice is a whole one.
_UNEVEN = 0.1
# Of a voxel: by so much a slice may lie beside the others before the volume is sheared.
_SHIFTED = 0.1
# Cosines written with three decimals; two directions that differ by less are one.
DIRECTION = 2e-3
# Slices of breast MRI are half a millimetre thick or more; phases whose positions were rounded differ by less.
SAME_MM = 0.1


@dataclass(frozen=True, slots=True)
class Plane:
    """What the images of one stack share: direction, spacing and place in the plane."""

    row: tuple[float, float, float]
    column: tuple[float, float, float]
    spacing: tuple[float, float]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction in which slices are counted."""
        return np.cross(self.row, self.column)


def plane_of(frame: Frame) -> Plane | None:
    """Return the plane of an image, or None if its header does not tell or makes no sense."""
    if frame.orientation is None or frame.position is None or frame.spacing is None:
        return None
    row, column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if any(abs(length - 1) > 0.01 for length in lengths) or abs(float(row @ column)) > 0.01:
        return None
    if min(frame.spacing) <= 0:
        return None
    return Plane(tuple(row), tuple(column), frame.spacing)


def same_plane(one: Plane, other: Plane) -> bool:
    """Tell whether two images have one direction and one spacing."""
    turned = np.abs(np.subtract(one.row + one.column, other.row + other.column)).max()
    stretched = np.abs(np.subtract(one.spacing, other.spacing)).max()
    return bool(turned < DIRECTION and stretched < 1e-3 * max(one.spacing))


def heights(frames: Sequence[Frame], plane: Plane) -> NDArray[np.float64]:
    """Return how far each image lies along the normal, mm."""
    return np.array([frame.position for frame in frames], dtype=np.float64) @ plane.normal


def distance(levels: NDArray[np.float64]) -> float:
    """Return the usual distance of neighbours among sorted, distinct heights."""
    return float(np.median(np.diff(levels))) if len(levels) > 1 else 0.0


def levels_of(heights_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distinct heights, sorted; neighbours closer than `SAME_MM` are one."""
    ordered = np.sort(heights_mm)
    first = np.concatenate([[True], np.diff(ordered) > SAME_MM])
    return np.asarray(ordered[first], dtype=np.float64)


def places_among(levels: NDArray[np.float64], heights_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each height the index of its level, or of the one below."""
    return np.searchsorted(levels, heights_mm + SAME_MM, side="right") - 1


def gaps(levels: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return where slices are missing between sorted heights, and how many: ``(2, 1)`` is one after the third."""
    usual = distance(levels)
    if usual <= 0:
        return []
    found = []
    for index, step in enumerate(np.diff(levels)):
        if abs(step - usual) > _UNEVEN * usual:
            found.append((index, round(float(step / usual)) - 1))
    return found


def affine(frames: Sequence[Frame], plane: Plane) -> NDArray[np.float64] | None:
    """Return the affine (column, row, slice) -> RAS mm of images sorted along the normal.

    Returns:
        4 x 4, or None if the images lie beside one another: a sheared volume, or none.
    """
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    # The step is the normal's; what is left beside it would shear the volume.
    beside = positions - positions[0] - np.outer((positions - positions[0]) @ plane.normal, plane.normal)
    if np.linalg.norm(beside, axis=1).max() > _SHIFTED * min(plane.spacing):
        return None
    lps = np.eye(4)
    lps[:3, 0] = np.array(plane.row) * plane.spacing[1]
    lps[:3, 1] = np.array(plane.column) * plane.spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = positions[0]
    # Adding zero turns the minus zeros away, which some readers print.
    return _TO_RAS @ lps + 0.0
