"""One breast of a volume that shows two.

The model looks at a cube around the lesion. Without a mask it finds the cube by enhancement, and the heart enhances
more than any lesion; so a volume of both breasts is cut to one of them first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Two breasts need 280 mm and more from left to right; one has at most 220.
BOTH_BREASTS_MM = 250.0
# Of the 99th percentile of pre: below it is air.
_TISSUE = 0.15
# The rule of functional tumour volume: an enhancement of 70 % counts.
_ENHANCED = 0.7
# A strip this wide in the middle shows the breastbone, before which nothing but breast lies.
_MIDDLE_MM = 20.0


def spans_both_breasts(shape: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
    """Tell whether a volume is as wide as two breasts."""
    corner = np.abs(affine[0, :3]) @ (np.array(shape) - 1)
    return bool(corner > BOTH_BREASTS_MM)


@dataclass(frozen=True)
class Side:
    """The part of a volume to keep.

    Attributes:
        name: ``left`` or ``right``, the patient's.
        axis: of the voxels, that runs from side to side.
        start, stop: voxels along it.
    """

    name: str
    axis: int
    start: int
    stop: int

    def of(self, volume: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the part of a volume."""
        kept = [slice(None)] * 3
        kept[self.axis] = slice(self.start, self.stop)
        return np.ascontiguousarray(volume[tuple(kept)])

    def affine(self, affine: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the affine of the part."""
        moved = affine.copy()
        moved[:3, 3] += affine[:3, self.axis] * self.start
        return moved


def side(
    pre: NDArray[np.generic],
    early: NDArray[np.generic],
    affine: NDArray[np.float64],
    lesion: NDArray[np.bool_] | None,
) -> Side:
    """Return the side of the lesion; without a mask, of the strongest enhancement in front of the breastbone.

    A lesion that reaches over the middle is kept whole.
    """
    axis = int(np.argmax(np.abs(affine[0, :3])))
    size = pre.shape[axis]
    middle = size // 2
    marked = lesion is not None and bool(lesion.any())
    weight = lesion if marked else _enhancement(pre, early, affine, axis)
    assert weight is not None
    along = np.asarray(weight, dtype=np.float64).sum(axis=tuple(other for other in range(3) if other != axis))
    low = bool(along[:middle].sum() > along[middle:].sum())
    # RAS: x grows towards the patient's right.
    towards_right = affine[0, axis] > 0
    name = "left" if low == towards_right else "right"
    start, stop = (0, middle) if low else (middle, size)
    if marked:
        where = np.flatnonzero(along)
        start, stop = min(start, int(where[0])), max(stop, int(where[-1]) + 1)
    return Side(name, axis, start, stop)


def _enhancement(
    pre: NDArray[np.generic], early: NDArray[np.generic], affine: NDArray[np.float64], axis: int
) -> NDArray[np.float32]:
    """Return the enhancement of each voxel that may be breast, smoothed over its neighbours; 0 elsewhere."""
    from scipy.ndimage import uniform_filter

    before, after = pre.astype(np.float32), early.astype(np.float32)
    tissue = before > _TISSUE * float(np.percentile(before, 99))
    gain = np.where(tissue & (after - before >= _ENHANCED * before), after - before, 0).astype(np.float32)
    gain[~_in_front(tissue, affine, axis)] = 0
    # Noise enhances a voxel at a time, a lesion many together.
    smooth = uniform_filter(gain, 3)
    strongest = float(np.percentile(smooth[smooth > 0], 90)) if (smooth > 0).any() else 0.0
    return np.where(smooth >= strongest, smooth, 0).astype(np.float32)


def _in_front(tissue: NDArray[np.bool_], affine: NDArray[np.float64], axis: int) -> NDArray[np.bool_]:
    """Return what lies in front of the breastbone, where there is no heart."""
    depth = int(np.argmax([0 if other == axis else abs(affine[1, other]) for other in range(3)]))
    size = tissue.shape[depth]
    half = max(1, round(_MIDDLE_MM / 2 / float(np.linalg.norm(affine[:3, axis]))))
    middle = tissue.shape[axis] // 2
    strip = np.take(tissue, range(max(0, middle - half), min(tissue.shape[axis], middle + half)), axis=axis)
    filled = strip.mean(axis=tuple(other for other in range(3) if other != depth)) > 0.5
    forward = affine[1, depth] > 0
    order = np.arange(size)
    bone = int(np.flatnonzero(filled)[-1 if forward else 0]) if filled.any() else size // 2
    in_front = order > bone if forward else order < bone
    # The breastbone fills the volume where only the chest was imaged.
    if in_front.mean() < 0.1:
        in_front = order >= size // 2 if forward else order < size // 2
    shape = [1, 1, 1]
    shape[depth] = size
    return np.broadcast_to(in_front.reshape(shape), tissue.shape)
