"""Voxels of a volume: decoded, put in order, rescaled."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.elements import items, number, text
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import pydicom

# Names of paths in one text: a tuple of them would hold three times the memory over a cohort.
_BETWEEN = "\0"


@dataclass(frozen=True, slots=True)
class Planes:
    """The files of a volume, and which frame of each, in the order of the slices.

    Attributes:
        folder: below which all of them lie.
        names: paths below it, joined.
        frames: frame of each file; -1 for a file of one image.
    """

    folder: str
    names: str
    frames: tuple[int, ...]

    @classmethod
    def of(cls, folder: Path, files: list[Path], frames: list[int | None]) -> Planes:
        """Return the planes of files below a folder."""
        names = _BETWEEN.join(str(file.relative_to(folder)) for file in files)
        numbers = tuple(-1 if frame is None else frame for frame in frames)
        return cls(str(folder), names, numbers if any(one >= 0 for one in numbers) else ())

    def files(self) -> list[Path]:
        """Return the path of each plane's file."""
        return [Path(self.folder) / name for name in self.names.split(_BETWEEN)]


def read_planes(planes: Planes, name: str) -> NDArray[np.generic]:
    """Return a volume (x along rows, y along columns, z over slices) with rescale slope and intercept applied.

    Integers stay integers where slopes and intercepts are; else the result is float32.

    Args:
        planes: the slices.
        name: of the phase, for messages.

    Raises:
        FedchemoError: FC127 a file cannot be read, decoded, or is not what it was.
    """
    files = planes.files()
    frames = planes.frames or (-1,) * len(files)
    slices: list[NDArray[np.generic]] = []
    scales: list[tuple[float, float]] = []
    opened: tuple[Path | None, pydicom.Dataset | None] = (None, None)
    for order, (file, frame) in enumerate(zip(files, frames, strict=True), 1):
        where = f"slice {order} of the {name} phase"
        if opened[0] != file:
            opened = (file, _opened(file, where))
        assert opened[1] is not None
        slices.append(_decoded(opened[1], frame, where))
        scales.append(_scale(opened[1], frame, where))
        if slices[-1].shape != slices[0].shape:
            raise FedchemoError("FC127", f"{where} has another size than the others")
    return _rescaled(np.stack(slices, axis=-1).transpose(1, 0, 2), scales)


def _opened(file: Path, where: str) -> pydicom.Dataset:
    import pydicom
    import pydicom.config

    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file, force=True)
    except OSError as wrong:
        raise FedchemoError(
            "FC127", f"{where} cannot be read: {wrong.strerror or 'no reason is given'}"
        ) from None
    except Exception as wrong:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        raise FedchemoError("FC127", f"{where} is damaged ({type(wrong).__name__})") from None


def _decoded(dataset: pydicom.Dataset, frame: int, where: str) -> NDArray[np.generic]:
    from pydicom.pixels import pixel_array

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not hasattr(dataset, "file_meta") or "TransferSyntaxUID" not in dataset.file_meta:
                _assume_plain(dataset)
            found: NDArray[np.generic] = pixel_array(dataset, index=frame if frame >= 0 else None)
    except MemoryError:
        raise
    except Exception as wrong:  # noqa: BLE001 - each decoder has exceptions of its own, whose texts may quote headers
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        form = getattr(syntax, "name", "unknown")
        raise FedchemoError("FC127", f"{where} cannot be decoded ({form}; {type(wrong).__name__})") from None
    if found.ndim != 2:
        raise FedchemoError("FC127", f"{where} is no plane of one value a voxel")
    return found


def _assume_plain(dataset: pydicom.Dataset) -> None:
    """Give a file without meta information (before PS3.10) the syntax that it was read with."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    implicit = dataset.original_encoding[0]
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _scale(dataset: pydicom.Dataset, frame: int, where: str) -> tuple[float, float]:
    """Return slope and intercept (PS3.3 C.7.6.16.2.9 for frames, C.11.1 for single images)."""
    places = [dataset]
    if frame >= 0:
        own = items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
        for group in (*own, *items(dataset, "SharedFunctionalGroupsSequence")[:1]):
            places[:0] = items(group, "PixelValueTransformationSequence")[:1]
    for place in places:
        slope = number(place, "RescaleSlope")
        if slope is not None:
            if slope == 0:
                raise FedchemoError("FC127", f"{where} has a rescale slope of 0")
            return slope, number(place, "RescaleIntercept") or 0.0
        if text(place, "RescaleSlope"):
            raise FedchemoError("FC127", f"{where} has a rescale slope that is no number")
    return 1.0, 0.0


def _rescaled(volume: NDArray[np.generic], scales: list[tuple[float, float]]) -> NDArray[np.generic]:
    slopes, intercepts = (np.array(part) for part in zip(*scales, strict=True))
    if (slopes == 1).all() and (intercepts == 0).all():
        return np.ascontiguousarray(volume)
    if volume.dtype.kind in "iu" and all((part == np.round(part)).all() for part in (slopes, intercepts)):
        whole_numbers = volume.astype(np.int64) * slopes.astype(np.int64) + intercepts.astype(np.int64)
        for dtype in (volume.dtype.type, np.int16, np.uint16, np.int32):
            limits = np.iinfo(dtype)  # type: ignore[type-var]
            if whole_numbers.min() >= limits.min and whole_numbers.max() <= limits.max:
                return np.ascontiguousarray(whole_numbers.astype(dtype))
    return np.ascontiguousarray((volume * slopes + intercepts).astype(np.float32))
