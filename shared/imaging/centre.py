"""Where the lesion is: the middle of its mask, or of the strongest enhancement.

Without a mask the rule is: smooth the signed difference early - pre at the size of a small lesion, so that noise,
vessels, and the paired bright and dark rims of motion at the skin cancel; take the region around the highest
peak, down to half of it; and pass over a region that the border of the volume cuts deeply, as it does the
heart and the chest wall, for the next one. A region well inside wins over a stronger one that runs out. A heart
that lies whole inside the volume is beyond this rule: there a mask is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.resample import lay_cube, resample
from fedchemo.shared.imaging.volume import Phases

Position = tuple[float, float, float]

# The grid of the search: fine enough to place a cube of some 70 mm, coarse enough for a few milliseconds.
_STEP_MM = 3.0
# SD of the smoothing: of their contrast, a lesion of 15 mm keeps two thirds and one of 10 mm a third, a sheet of
# skin 2 mm thick a fifth, and a vessel of 2 mm a thirtieth.
_SMOOTHING_MM = 4.0
# A region reaches down to this share of its peak.
_LEVEL = 0.5
# Contact with the border / volume ** (2/3): 1 is a ball whose border runs at half its radius.
_CUT = 1.0
# Below this share of the highest peak a region is background; so many regions are looked at.
_FAINTEST = 0.15
_MOST_REGIONS = 20
# Fewer slices are a stack through the lesion, which may well reach its ends.
_STACK = 16


def lesion_centre(phases: Phases) -> Position:
    """Return the centre of the lesion in voxels.

    With a mask it is the mean of the marked voxels, which stray ones move little.

    Raises:
        FedchemoError: FC208 if there is no mask and nothing enhances.
    """
    if phases.lesion is not None:
        return _triple(np.argwhere(phases.lesion).mean(axis=0))
    return _of_enhancement(phases)


@dataclass(frozen=True)
class _Region:
    cut: float
    centre: NDArray[np.float64]


def _of_enhancement(phases: Phases) -> Position:
    shape = phases.pre.shape
    voxels_mm = np.array(phases.voxels_mm)
    grid = np.ceil(np.array(shape) * voxels_mm / _STEP_MM).astype(int)
    middle = (np.array(shape) - 1) / 2
    axes = lay_cube(shape, phases.voxels_mm, _triple(middle), grid=grid.tolist(), spacing_mm=_STEP_MM)
    wash_in = resample(phases.early - phases.pre, axes)
    smooth = ndimage.gaussian_filter(wash_in, _SMOOTHING_MM / _STEP_MM, mode="nearest", truncate=3.0)
    smooth = np.maximum(smooth, 0)
    if not smooth.any():
        raise FedchemoError("FC208", f"{phases.source}: early is nowhere brighter than pre")
    region = _best_region(smooth, borders=[axis for axis in range(3) if shape[axis] >= _STACK])
    return _triple((region.centre - (grid - 1) / 2) * _STEP_MM / voxels_mm + middle)


def _best_region(smooth: NDArray[np.float32], *, borders: list[int]) -> _Region:
    """Return the first region from the brightest down that is not cut deeply, else the one cut least."""
    left = smooth.copy()
    seen: list[_Region] = []
    faintest = _FAINTEST * float(smooth.max())
    while len(seen) < _MOST_REGIONS:
        peak = np.unravel_index(int(left.argmax()), left.shape)
        if left[peak] <= faintest:
            break
        # Regions are cut out of the whole image: one beside a stronger neighbour must not look free of it.
        labels, _ = ndimage.label(smooth >= _LEVEL * smooth[peak])
        inside = labels == labels[peak]
        ends = [np.take(inside, end, axis=axis).sum() for axis in borders for end in (0, -1)]
        centre = np.array(ndimage.center_of_mass(np.where(inside, smooth, 0)))
        seen.append(_Region(float(sum(ends)) / float(inside.sum()) ** (2 / 3), centre))
        if seen[-1].cut <= _CUT:
            return seen[-1]
        left[inside] = 0
    return min(seen, key=lambda region: region.cut)


def _triple(position: NDArray[np.float64]) -> Position:
    x, y, z = (float(value) for value in position)
    return x, y, z
