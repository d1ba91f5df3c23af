"""What a NIfTI file's header says, and whether it can be a volume; voxels are not read.

Messages name a volume by its role, such as "early phase": the name of its file may be a patient's.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel import imageglobals
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from fedchemo.client.importing.deidentification.volumes import texts
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import require_geometry, require_volume

# A NIfTI-2 header and the four bytes that say whether extensions follow.
_HEAD_BYTES = 544
_FLAG_BYTES = 4
_GZIP = b"\x1f\x8b"
# Headers written with three decimals drift by this much over a volume; a real shift is a voxel or more.
_ALIGNMENT_MM = 0.1


@dataclass(frozen=True)
class Header:
    """The part of a header that matters.

    Attributes:
        shape: three axes.
        affine: 4 x 4, voxel to RAS+ millimetres.
        oriented: whether the header says how the volume lies in space; else only the spacing is known.
        texts: names of the fields that hold text.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    oriented: bool
    texts: tuple[str, ...]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between two voxels along each axis."""
        x, y, z = (float(size) for size in voxel_sizes(self.affine))
        return x, y, z


def read_header(path: Path, role: str) -> Header:
    """Read and check one file's header.

    Raises:
        FedchemoError: FC202 no readable NIfTI-1 or -2 file, FC203 no volume, FC204 geometry that makes no sense.
    """
    with refusing(role):
        with path.open("rb") as file:
            start = file.read(2)
        with gzip.open(path) if start == _GZIP else path.open("rb") as stream:
            return parse(stream.read(_HEAD_BYTES), role)


def parse(content: bytes, role: str) -> Header:
    """Return the part that matters of the header with which a file's content begins, checked as `read_header` says."""
    kind = kind_of(content, role).header_class
    size = int(kind.template_dtype.itemsize)
    # Unchecked, since nibabel mends a spacing of zero to one in silence.
    header = kind(content[:size], check=False)
    if int(header["vox_offset"]) < size + _FLAG_BYTES:
        # nibabel would take the header for voxels.
        raise FedchemoError("FC202", f"{role}: the header says that voxels begin inside it")
    shape = squeezed(header.get_data_shape())
    require_volume(role, shape, header.get_data_dtype())
    oriented = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    require_geometry(role, affine)
    extended = ("extension",) if content[size : size + 1].strip(b"\0") else ()
    return Header(shape, affine, oriented, (*texts(header), *extended))


def kind_of(content: bytes, role: str) -> Any:
    """Return nibabel's class for a file's content.

    Raises:
        FedchemoError: FC202 if it is neither NIfTI-1 nor -2, in one file.
    """
    if not content:
        raise FedchemoError("FC202", f"{role}: the file is empty")
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        if kind.header_class.may_contain_header(content):
            return kind
    raise FedchemoError("FC202", f"{role}: not a NIfTI file")


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without further axes of length one."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return tuple(int(size) for size in shape)


def require_same_grid(first: Header, other: Header, role: str) -> None:
    """Refuse a volume that does not lie on the grid of the pre-contrast phase (FC205)."""
    if other.shape != first.shape:
        raise FedchemoError("FC205", f"{role}: shape {other.shape}, but the pre phase has {first.shape}")
    corners = np.array(list(itertools.product(*((0, size - 1) for size in first.shape))))
    moved = apply_affine(first.affine, corners) - apply_affine(other.affine, corners)
    distance = float(np.linalg.norm(moved, axis=1).max())
    if distance > _ALIGNMENT_MM:
        raise FedchemoError("FC205", f"{role}: lies up to {distance:.3g} mm away from the pre phase in space")


@contextlib.contextmanager
def refusing(role: str) -> Iterator[None]:
    """Turn whatever a damaged file raises into FC202; the file's name is not told."""
    try:
        with imageglobals.LoggingOutputSuppressor(), np.errstate(all="ignore"):
            yield
    except PermissionError:
        raise FedchemoError("FC202", f"{role}: this user may not read the file") from None
    except FileNotFoundError:
        raise FedchemoError("FC202", f"{role}: the file is gone") from None
    except (OSError, EOFError, zlib.error, ImageDataError):
        raise FedchemoError("FC202", f"{role}: the file is truncated or damaged") from None
    except (
        ValueError,
        TypeError,
        OverflowError,
        KeyError,
        ImageFileError,
        HeaderDataError,
        WrapStructError,
        np.linalg.LinAlgError,
    ):
        raise FedchemoError("FC202", f"{role}: the header makes no sense") from None
