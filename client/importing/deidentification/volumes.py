"""NIfTI files that hold voxels and geometry, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from fedchemo.shared.atomic import replacing

TEXTS = ("descrip", "aux_file", "db_name", "intent_name", "data_type")
"""Fields of a NIfTI header that hold text; software writes names, dates and paths into them."""

# Types of which every reader of NIfTI-1 knows the code; others are stored in one of them.
_STORED = ("uint8", "int16", "uint16", "int32", "float32")
# A volume of MRI shrinks by some tenth more at level 6, in three times the time.
_COMPRESSION = 1


def texts(header: Mapping[str, Any]) -> list[str]:
    """Return the names of the text fields of a NIfTI header that are not empty, and ``extension``s.

    Args:
        header: as nibabel reads it; NIfTI-2 has the same fields but two.
    """
    known = set(header.keys())
    found = [name for name in TEXTS if name in known and bytes(header[name].tobytes()).strip(b" \0")]
    if len(getattr(header, "extensions", ())):
        found.append("extension")
    return found


def stored(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the same values in a type that is written: integers in the narrowest kept, the rest as float32.

    Raises:
        ValueError: if these are no real numbers.
    """
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.dtype.kind not in "iu":
        raise ValueError(f"voxels of type {array.dtype}")
    if array.dtype.name in _STORED:
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for name in ("int16", "uint16", "int32"):
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return array.astype(name)
    return array.astype(np.float32)


def write_volume(path: Path, array: NDArray[np.generic], affine: NDArray[np.floating[Any]]) -> None:
    """Write ``.nii.gz`` whose header holds shape, type, spacing, place and the unit millimetre only.

    It appears whole or not at all, and the same volume gives the same bytes: the gzip stream bears neither name nor
    time.

    Args:
        path: where; its folder is made if need be.
        array: (x, y, z), real numbers or True and False; stored as `stored` says.
        affine: 4 x 4, voxel to RAS+ millimetres; kept in single precision.

    Raises:
        FedchemoError: FC004 if it cannot be written.
    """
    image = nibabel.Nifti1Image(stored(array), np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    # 1, "scanner": coordinates as the equipment gave them.
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_slope_inter(1, 0)
    with (
        replacing(path) as part,
        part.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=_COMPRESSION, fileobj=file, mtime=0) as packed,
    ):
        packed.write(image.to_bytes())
