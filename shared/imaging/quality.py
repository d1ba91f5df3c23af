"""What is wrong with a visit whose files are in order: swapped or copied phases, a mask that cannot be right.

Bounds were set on 155 examinations of I-SPY2 and 60 synthetic ones, so that none of them is refused and every one
is with its phases swapped; each says how far off they were.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.centre import lesion_centre
from fedchemo.shared.imaging.channels import measure
from fedchemo.shared.imaging.resample import lay_cube, resample
from fedchemo.shared.imaging.volume import Phases

# As in the search for the lesion: vessels and the paired rims of motion cancel.
_STEP_MM, _SMOOTHING_MM = 3.0, 4.0
# The share of a volume that a small tumour fills.
_TAIL_PERCENT = 0.5
# Balance of enhancement, -1 to 1: examinations had 0.49 and above, swapped ones -0.49 and below.
_NEGATIVE = -0.25
# Median signal inside the mask, of the volume's range; a lesion after contrast has a third and more.
_AIR = 0.03
# Masks of synthetic crops filled at most 16 % of the volume.
_MOST_OF_VOLUME = 0.5
# In SD of the pre-contrast volume; the smoothed peak of the crop was 1.5 and above.
_ENHANCES = 0.3
# 72 mm, as the default crop.
_CROP = 24


def faults(phases: Phases) -> list[FedchemoError]:
    """Return why a visit must not be used: FC161 enhancement negative, FC162 a copy, FC163 the mask implausible."""
    copies = _copies(phases)
    # Copies enhance nowhere; swapped phases are no separate fault then.
    found = copies or _swapped(phases)
    if phases.lesion is not None:
        found = [*found, *_implausible_mask(phases, phases.lesion)]
    return found


def doubts(phases: Phases) -> list[FedchemoError]:
    """Return what somebody should look at in a visit without `faults`: FC164, FC208 nothing enhances."""
    try:
        centre = lesion_centre(phases)
    except FedchemoError as error:
        return [error]
    sd = measure(phases.pre).sd
    wash_in = _smooth(phases.early - phases.pre, phases, centre, (_CROP,) * 3)
    peak = float(wash_in.max()) / sd
    where = "the mask" if phases.lesion is not None else "the strongest enhancement"
    if peak < _ENHANCES:
        what = f"within 36 mm of {where} the early phase is at most {peak:.2f} SD brighter than pre"
        return [FedchemoError("FC164", f"{phases.source}: {what}")]
    if phases.lesion is not None:
        inside = float((phases.early - phases.pre)[phases.lesion].mean()) / sd
        if inside < 0:
            what = f"inside the mask the early phase is {-inside:.2f} SD darker than pre"
            return [FedchemoError("FC164", f"{phases.source}: {what}")]
    return []


def balance(difference: NDArray[np.float32], phases: Phases) -> float:
    """Return how far a difference of phases (x, y, z) is gain rather than loss: 1 is gain alone, -1 loss alone.

    It compares the brightest and the darkest half per cent of the smoothed difference; 0 if there is neither.
    """
    shape = np.array(phases.pre.shape)
    grid = np.ceil(shape * np.array(phases.voxels_mm) / _STEP_MM).astype(int)
    middle = tuple((shape - 1) / 2)
    smooth = _smooth(difference, phases, middle, tuple(grid))
    high, low = np.percentile(smooth, [100 - _TAIL_PERCENT, _TAIL_PERCENT])
    gain, loss = max(float(high), 0.0), max(-float(low), 0.0)
    return (gain - loss) / (gain + loss) if gain + loss > 0 else 0.0


def _copies(phases: Phases) -> list[FedchemoError]:
    pairs = (("early", "pre"), ("late", "early"), ("late", "pre"))
    return [
        FedchemoError("FC162", f"{phases.source}: {one} and {other} hold the same voxels")
        for one, other in pairs
        if np.array_equal(getattr(phases, one), getattr(phases, other))
    ]


def _swapped(phases: Phases) -> list[FedchemoError]:
    for name, after in (("early", phases.early), ("late", phases.late)):
        found = balance(after - phases.pre, phases)
        if found < _NEGATIVE:
            what = f"{name} is darker than pre where the two differ most (balance {found:.2f} of -1 to 1)"
            return [FedchemoError("FC161", f"{phases.source}: {what}")]
    return []


def _implausible_mask(phases: Phases, lesion: NDArray[np.bool_]) -> list[FedchemoError]:
    share = float(lesion.mean())
    if share > _MOST_OF_VOLUME:
        return [FedchemoError("FC163", f"{phases.source}: the mask fills {share:.0%} of the volume")]
    air, top = float(phases.early.min()), float(np.percentile(phases.early, 99))
    inside = float(np.median(phases.early[lesion]))
    if inside - air < _AIR * (top - air):
        return [FedchemoError("FC163", f"{phases.source}: the mask lies in air")]
    return []


def _smooth(
    difference: NDArray[np.float32], phases: Phases, centre: tuple[float, ...], grid: tuple[int, ...]
) -> NDArray[np.float32]:
    axes = lay_cube(phases.pre.shape, phases.voxels_mm, centre, grid=grid, spacing_mm=_STEP_MM)
    there = resample(difference[tuple(axis.voxels for axis in axes)], axes)
    smoothed: NDArray[np.float32] = ndimage.gaussian_filter(
        there, _SMOOTHING_MM / _STEP_MM, mode="nearest", truncate=3.0
    )
    return smoothed
