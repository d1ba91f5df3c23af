"""The volumes of a visit: read, checked, and turned into one orientation.

Everything that can be wrong with a visit's files is said here with a number; later steps take a `Phases` as it is.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from fedchemo.shared.errors import FedchemoError

PHASES = ("pre", "early", "late")
"""Names of the phases of a visit, in the order of time."""

LESION = "lesion"
"""Name of the optional mask."""

# Breast MRI lies well inside: a spacing beyond it is a header in metres or micrometres.
_SPACING_MM = (0.05, 30.0)
# One gibibyte as float32; the largest bilateral protocols have a tenth of it.
_LARGEST_VOXELS = 2**28
# Beyond these, differences and quotients would leave float32.
_LARGEST_VALUE = 1e30
_SMALLEST_RANGE = 1e-30
# Headers written with three decimals drift by this much over a volume; a real shift is a voxel or more.
_ALIGNMENT_MM = 0.1
# Cosine between two axes of the volume; MRI volumes are never sheared.
_SHEAR = 0.01


@dataclass(frozen=True)
class Phases:
    """The three phases of a visit on one grid of voxels.

    Attributes:
        source: where they came from, for messages on this machine.
        pre: before the contrast agent, float32 (x, y, z), the axes nearest to left-right, posterior-anterior
            and inferior-superior, in this direction (RAS+). So are the next two.
        early: some 150 s after it.
        late: some 450 s after it.
        voxels_mm: distance between two voxels along each axis.
        lesion: True inside the lesion; None if nobody outlined it.
    """

    source: str
    pre: NDArray[np.float32]
    early: NDArray[np.float32]
    late: NDArray[np.float32]
    voxels_mm: tuple[float, float, float]
    lesion: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class _Volume:
    path: Path
    values: NDArray[np.float32]
    affine: NDArray[np.float64]


def phase_files(folder: Path) -> list[Path]:
    """Return the files of a visit: pre, early, late, and the lesion's mask if there is one.

    Raises:
        FedchemoError: FC201 if a phase is missing.
    """
    files = [folder / f"{name}.nii.gz" for name in PHASES]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise FedchemoError("FC201", f"{folder}: no {', '.join(missing)}")
    mask = folder / f"{LESION}.nii.gz"
    return [*files, mask] if mask.is_file() else files


def load_phases(folder: Path) -> Phases:
    """Read ``pre``, ``early``, ``late`` and, if there, ``lesion`` (``.nii.gz``) of one visit.

    Any integer or float type, any orientation; a fourth axis of length one is dropped. Volumes are turned to
    RAS+ without resampling: an oblique volume keeps its own axes.

    Raises:
        FedchemoError: FC201 a phase is missing; FC202 a file is damaged or no NIfTI-1 or -2; FC203 not three
            axes of at least two voxels of real numbers; FC204 spacing or axes make no sense; FC205 the files
            do not lie on one grid; FC206 a value is NaN, infinite, or above 1e30; FC207 a phase has one value
            only; FC209 the mask marks nothing.
    """
    files = phase_files(folder)
    # One file after the other: the first fault ends it, before the next file is read.
    volumes: list[_Volume] = []
    for file in files:
        volumes.append(_read(file))
        for fault in _faults_of(volumes[-1], volumes[0]):
            raise fault
    pre, early, late = volumes[:3]
    lesion = _inside(volumes[3]) if len(volumes) > len(PHASES) else None
    x, y, z = (float(size) for size in voxel_sizes(pre.affine))
    return Phases(
        source=str(folder),
        pre=pre.values,
        early=early.values,
        late=late.values,
        voxels_mm=(x, y, z),
        lesion=lesion,
    )


def faults(folder: Path) -> list[FedchemoError]:
    """Return everything for which `load_phases` would refuse a visit, and not only the first of it."""
    try:
        files = phase_files(folder)
    except FedchemoError as error:
        return [error]
    found: list[FedchemoError] = []
    first: _Volume | None = None
    for file in files:
        try:
            volume = _read(file)
        except FedchemoError as error:
            found.append(error)
            continue
        first = first or volume
        found += _faults_of(volume, first)
    return found


def _faults_of(volume: _Volume, first: _Volume) -> list[FedchemoError]:
    """Return what is wrong with a volume's values and with its place beside the first one."""
    found = []
    if volume is not first:
        try:
            _require_same_grid(first, volume)
        except FedchemoError as error:
            found.append(error)
    if volume.path.name == f"{LESION}.nii.gz":
        if not _inside(volume).any():
            found.append(FedchemoError("FC209", f"{volume.path}: no voxel is marked"))
        return found
    lowest, highest = float(volume.values.min()), float(volume.values.max())
    if highest - lowest < _SMALLEST_RANGE:
        found.append(FedchemoError("FC207", f"{volume.path}: every voxel is {highest:g}"))
    return found


def _inside(mask: _Volume) -> NDArray[np.bool_]:
    # Masks come as 0/1, 0/255 or resampled fractions; a label of any number is inside.
    inside: NDArray[np.bool_] = mask.values > min(0.5, float(mask.values.max()) / 2)
    return inside


def _read(path: Path) -> _Volume:
    try:
        # The whole stream is read, so that its checksum is checked; nibabel alone would stop before it.
        content = gzip.decompress(path.read_bytes())
        kinds = (nibabel.Nifti1Image, nibabel.Nifti2Image)
        kind = next((kind for kind in kinds if kind.header_class.may_contain_header(content)), None)
        if kind is None:
            raise FedchemoError("FC202", f"{path}: not a NIfTI file")
        image = nibabel.squeeze_image(kind.from_bytes(content))
        require_volume(path, image.shape, image.get_data_dtype())
        require_geometry(path, image.affine)
        image = nibabel.as_closest_canonical(image)
        with np.errstate(over="ignore", invalid="ignore"):
            # One layout in memory, so that the same voxels give the same bits however they were stored.
            values = np.ascontiguousarray(np.asanyarray(image.dataobj), dtype=np.float32)
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        OverflowError,
        KeyError,
        ImageFileError,
        ImageDataError,
        HeaderDataError,
        WrapStructError,
    ) as error:
        raise FedchemoError("FC202", f"{path}: {error or type(error).__name__}") from error
    usable = np.abs(values) < _LARGEST_VALUE
    if not usable.all():
        where = tuple(int(i) for i in np.argwhere(~usable)[0])
        raise FedchemoError("FC206", f"{path}: voxel {where} (in RAS+ order) is {values[where]:g}")
    return _Volume(path, values, np.asarray(image.affine, dtype=np.float64))


def require_volume(path: object, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """Refuse what is not a volume (FC203); ``path`` names it in the message."""
    if len(shape) != 3 or min(shape) < 2:
        raise FedchemoError("FC203", f"{path}: shape {shape}; three axes of at least two voxels are needed")
    if np.prod(shape, dtype=np.float64) > _LARGEST_VOXELS:
        raise FedchemoError("FC203", f"{path}: shape {shape} is larger than any breast MRI")
    if dtype.kind not in "iuf":
        raise FedchemoError("FC203", f"{path}: voxels of type {dtype}; integers or real numbers are needed")


def require_geometry(path: object, affine: NDArray[np.float64]) -> None:
    """Refuse an affine that is not one of an MRI volume in millimetres (FC204)."""
    if not np.isfinite(affine).all():
        raise FedchemoError("FC204", f"{path}: the affine holds a value that is not finite")
    sizes = voxel_sizes(affine)
    if sizes.min() < _SPACING_MM[0] or sizes.max() > _SPACING_MM[1]:
        found = " x ".join(f"{size:g}" for size in sizes)
        raise FedchemoError("FC204", f"{path}: voxels of {found} mm")
    axes = affine[:3, :3] / sizes
    if max(abs(float(axes[:, i] @ axes[:, j])) for i, j in ((0, 1), (0, 2), (1, 2))) > _SHEAR:
        raise FedchemoError("FC204", f"{path}: the axes of the volume are not at right angles")


def _require_same_grid(first: _Volume, other: _Volume) -> None:
    if other.values.shape != first.values.shape:
        raise FedchemoError(
            "FC205",
            f"{other.path}: shape {other.values.shape}, but {first.path.name} has {first.values.shape}",
        )
    corners = np.array(list(itertools.product(*((0, size - 1) for size in first.values.shape))))
    moved = apply_affine(first.affine, corners) - apply_affine(other.affine, corners)
    distance = float(np.linalg.norm(moved, axis=1).max())
    if distance > _ALIGNMENT_MM:
        raise FedchemoError(
            "FC205", f"{other.path}: lies up to {distance:.3g} mm away from {first.path.name} in space"
        )
