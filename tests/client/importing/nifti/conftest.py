"""Small folders of NIfTI images in every layout."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

AFFINE = np.array([[-0.75, 0, 0, 40], [0, -0.75, 0, 30], [0, 0, 2, -20], [0, 0, 0, 1]], dtype=float)
SHAPE = (7, 6, 4)


def values(phase: int, shape: tuple[int, ...] = SHAPE, dtype: Any = np.int16) -> np.ndarray:
    """Voxels that differ from each other and between phases."""
    return (np.arange(np.prod(shape)).reshape(shape) % 200 + 10 * phase).astype(dtype)


def write(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    """Write an image as other software does, with some fields of its header as given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    content = bytearray(image.to_bytes())
    # After nibabel has made it sound.
    fields = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in header.items():
        fields[name] = value
    content[:348] = fields.binaryblock
    path.write_bytes(gzip.compress(content) if path.name.casefold().endswith(".gz") else content)
    return path


def write_plain(folder: Path, *, lesion: bool = False, suffix: str = ".nii.gz", **header: Any) -> None:
    """Write pre, early, late and perhaps lesion into a folder."""
    for number, name in enumerate(("pre", "early", "late")):
        write(folder / f"{name}{suffix}", values(number), **header)
    if lesion:
        mask = np.zeros(SHAPE, dtype=np.uint8)
        mask[2:4, 1:3, 1:3] = 1
        write(folder / f"lesion{suffix}", mask)


def write_numbered(folder: Path, patient: str, *numbers: int) -> None:
    """Write phases as MAMA-MIA does."""
    for number in numbers:
        write(folder / f"{patient}_{number:04d}.nii.gz", values(number))


@pytest.fixture
def mask() -> np.ndarray:
    """A mask that is different whichever way its axes are taken."""
    marked = np.zeros(SHAPE, dtype=np.uint8)
    marked[1:4, 2:4, 1] = 1
    marked[5, 0, 3] = 1
    return marked
