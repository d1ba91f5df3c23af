"""Masks brought onto the grid of an examination.

A segmentation (PS3.3 A.51) is read with highdicom; where its typed reader refuses, as it does for I-SPY2's inverse bit
mask, frame by frame with pydicom.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.elements import items, number, numbers, whole
from fedchemo.client.importing.dicom.geometry import affine as affine_of
from fedchemo.client.importing.dicom.geometry import levels_of, plane_of
from fedchemo.client.importing.dicom.header import Frame
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import pydicom

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_lesion(
    file: Path, segments: Sequence[int], shape: tuple[int, ...], affine: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where any of the segments is, on a grid.

    Args:
        file: a segmentation.
        segments: numbers of those that count; all if empty.
        shape: of the grid, (x, y, z).
        affine: of the grid, voxel to RAS mm.

    Raises:
        FedchemoError: FC128 it cannot be read, or marks something and nothing of it lies on the grid.
    """
    dataset = _opened(file, "lesion mask")
    try:
        values, own = _by_highdicom(dataset, segments)
    except Exception:  # noqa: BLE001 - whatever highdicom finds wrong with it, it may still be read plainly
        values, own = _by_frames(dataset, segments, ())
    if own is None:
        raise FedchemoError("FC128", "the lesion mask does not tell where it lies")
    found = _onto(values > 0, own, shape, affine)
    if values.any() and not found.any():
        raise FedchemoError("FC128", "the lesion mask lies beside the images")
    return found


def read_ftv(
    file: Path, slices: Sequence[int], shape: tuple[int, ...], affine: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where I-SPY2's analysis mask is 0: inside the functional tumour volume.

    Its bits say why a voxel is outside: 1 too little enhancement, 2 too few neighbours, 8 or 16 background, 32 outside
    the volume of interest, 64 omitted.

    Args:
        file: the mask.
        slices: the slice of each frame, for a mask that does not tell where it lies.
        shape: of the grid, (x, y, z).
        affine: of the grid, voxel to RAS mm.

    Raises:
        FedchemoError: FC128 it cannot be read or does not fit the grid.
    """
    dataset = _opened(file, "mask of the functional tumour volume")
    values, own = _by_frames(dataset, (), slices)
    if own is None:
        if values.shape != tuple(shape):
            what = (
                f"the mask of the functional tumour volume is {values.shape}, the images are {tuple(shape)}"
            )
            raise FedchemoError("FC128", what)
        return np.asarray(values == 0)
    # What the mask does not cover is outside.
    return _onto(values == 0, own, shape, affine)


def _opened(file: Path, what: str) -> pydicom.Dataset:
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file)
    except OSError as wrong:
        raise FedchemoError(
            "FC128", f"the {what} cannot be read: {wrong.strerror or 'no reason is given'}"
        ) from None
    except Exception as wrong:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        raise FedchemoError("FC128", f"the {what} is damaged ({type(wrong).__name__})") from None


def _by_highdicom(
    dataset: pydicom.Dataset, segments: Sequence[int]
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    import highdicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segmentation = highdicom.seg.Segmentation.from_dataset(dataset)
        numbers_of = list(segments) or list(segmentation.segment_numbers)
        volume = segmentation.get_volume(
            segment_numbers=numbers_of, combine_segments=False, rescale_fractional=False
        )
    values = np.asarray(volume.array)
    if values.ndim == 4:
        values = values.max(axis=-1)
    # highdicom counts slice, row, column.
    turned = volume.affine[:, [2, 1, 0, 3]]
    return values.transpose(2, 1, 0), _TO_RAS @ turned


def _by_frames(
    dataset: pydicom.Dataset, segments: Sequence[int], slices: Sequence[int]
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return a volume and its affine; without affine if the frames do not tell where they lie."""
    from pydicom.pixels import pixel_array

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = np.atleast_3d(pixel_array(dataset))
    except Exception as wrong:  # noqa: BLE001 - each decoder has exceptions of its own
        raise FedchemoError("FC128", f"a mask cannot be decoded ({type(wrong).__name__})") from None
    if (whole(dataset, "NumberOfFrames") or 1) == 1:
        stored = stored.reshape(1, *stored.shape[:2])
    frames, belongs = _frames(dataset)
    chosen = [index for index in range(len(stored)) if not segments or belongs[index] in {None, *segments}]
    planes = [plane_of(frames[index]) for index in chosen]
    if not chosen or any(plane is None for plane in planes):
        return _without_geometry(stored, slices), None
    plane = planes[0]
    assert plane is not None
    tall = np.array([frames[index].position for index in chosen]) @ plane.normal
    levels = levels_of(tall)
    step = _step(dataset, levels)
    count = round(float(levels[-1] - levels[0]) / step) + 1
    places = np.rint((tall - levels[0]) / step).astype(int)
    # Frames without a voxel are often not stored.
    values = np.zeros((stored.shape[2], stored.shape[1], count), dtype=stored.dtype)
    for index, place in zip(chosen, places, strict=True):
        np.maximum(values[:, :, place], stored[index].T, out=values[:, :, place])
    lowest = frames[chosen[int(np.argmin(tall))]]
    assert lowest.position is not None
    above = tuple(np.array(lowest.position) + plane.normal * step)
    own = affine_of(
        [lowest, Frame(position=above, orientation=lowest.orientation, spacing=lowest.spacing)], plane
    )
    return values, own


def _frames(dataset: pydicom.Dataset) -> tuple[list[Frame], list[int | None]]:
    """Return where each frame lies, and its segment."""
    from fedchemo.client.importing.dicom.functional_groups import frames

    planes = list(frames(dataset))
    belongs: list[int | None] = []
    for own in items(dataset, "PerFrameFunctionalGroupsSequence"):
        named = items(own, "SegmentIdentificationSequence")
        belongs.append(whole(named[0], "ReferencedSegmentNumber") if named else None)
    missing = (whole(dataset, "NumberOfFrames") or 1) - len(planes)
    if not planes and missing == 1 and numbers(dataset, "ImagePositionPatient", 3):
        planes = [
            Frame(
                position=numbers(dataset, "ImagePositionPatient", 3),  # type: ignore[arg-type]
                orientation=numbers(dataset, "ImageOrientationPatient", 6),  # type: ignore[arg-type]
                spacing=numbers(dataset, "PixelSpacing", 2),  # type: ignore[arg-type]
            )
        ]
        return planes, [None]
    return planes + [Frame()] * max(0, missing), belongs + [None] * max(0, missing)


def _step(dataset: pydicom.Dataset, levels: NDArray[np.float64]) -> float:
    """Return the distance of slices: as written, else the smallest found."""
    for shared in items(dataset, "SharedFunctionalGroupsSequence"):
        for measures in items(shared, "PixelMeasuresSequence"):
            between = number(measures, "SpacingBetweenSlices")
            if between and between > 0:
                return between
            thickness = number(measures, "SliceThickness")
            if len(levels) == 1 and thickness and thickness > 0:
                return thickness
    return float(np.diff(levels).min()) if len(levels) > 1 else 1.0


def _without_geometry(stored: NDArray[Any], slices: Sequence[int]) -> NDArray[Any]:
    if len(slices) != len(stored):
        what = f"a mask of {len(stored)} frames does not tell where they lie, nor does a series of as many images"
        raise FedchemoError("FC128", what)
    values = np.empty((stored.shape[2], stored.shape[1], len(stored)), dtype=stored.dtype)
    for frame, place in zip(stored, slices, strict=True):
        values[:, :, place] = frame.T
    return values


def _onto(
    mask: NDArray[np.bool_], own: NDArray[np.float64], shape: tuple[int, ...], affine: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return a mask on another grid: each voxel takes the value of the nearest of the mask, and is False beyond it."""
    matrix = np.linalg.inv(own) @ affine
    rounded = np.rint(matrix)
    if (
        np.abs(matrix - rounded)[:3, :3].max() * max(shape) < 0.1
        and np.abs(matrix - rounded)[:3, 3].max() < 0.1
    ):
        matrix = rounded
    from scipy.ndimage import affine_transform

    found = affine_transform(
        mask.astype(np.uint8),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=tuple(shape),
        order=0,
        mode="grid-constant",
    )
    return np.asarray(found > 0)
