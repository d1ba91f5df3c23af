"""Volumes made by the tests: an examination with a lesion at a known place, written as a site's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import DTypeLike, NDArray

from fedchemo.shared.imaging.volume import Phases


def ball(shape: tuple[int, ...], voxels_mm, centre_mm, radius_mm: float) -> NDArray[np.bool_]:
    """Return True inside a ball; millimetres from the middle of voxel (0, 0, 0)."""
    grid = np.indices(shape, dtype=np.float32)
    return sum((grid[i] * voxels_mm[i] - centre_mm[i]) ** 2 for i in range(3)) <= radius_mm**2


def examination(
    shape=(40, 40, 12), voxels_mm=(1.5, 1.5, 4.0), lesion_mm=(30.0, 27.0, 24.0), radius_mm=8.0, seed=0
) -> dict[str, NDArray[np.uint8]]:
    """Return tissue with noise, an enhancing lesion, and its mask."""
    rng = np.random.default_rng(seed)
    tissue = rng.normal(60, 8, shape)
    lesion = ball(shape, voxels_mm, lesion_mm, radius_mm)
    phases = {
        "pre": tissue,
        "early": tissue + 5 + 80 * lesion + rng.normal(0, 3, shape),
        "late": tissue + 8 + 60 * lesion + rng.normal(0, 3, shape),
        "lesion": lesion,
    }
    return {name: values.clip(0, 255).astype(np.uint8) for name, values in phases.items()}


def as_phases(arrays: Mapping[str, NDArray[np.generic]], voxels_mm) -> Phases:
    """Return arrays as the phases that `load_phases` would return."""
    return Phases(
        source="made",
        voxels_mm=voxels_mm,
        lesion=arrays["lesion"].astype(bool) if "lesion" in arrays else None,
        **{name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in ("pre", "early", "late")},
    )


def affine(voxels_mm) -> NDArray[np.float64]:
    """Return a RAS+ affine with the origin somewhere."""
    made = np.diag([*voxels_mm, 1.0])
    made[:3, 3] = (-40.0, 12.0, 7.0)
    return made


def write(
    folder: Path,
    arrays: Mapping[str, NDArray[np.generic]],
    voxels_mm=(1.5, 1.5, 4.0),
    *,
    dtype: DTypeLike | None = None,
    orientation: str = "RAS",
) -> Path:
    """Write arrays as ``<name>.nii.gz``, stored in the orientation named."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        image = nibabel.Nifti1Image(values if dtype is None else values.astype(dtype), affine(voxels_mm))
        turn = nibabel.orientations.ornt_transform(
            nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(orientation)
        )
        nibabel.save(image.as_reoriented(turn), folder / f"{name}.nii.gz")
    return folder
