"""The digital phantom: a breast on its chest wall, its tissues, and a tumour of a given volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]

TISSUES = ("fat", "gland", "muscle", "skin", "vessel")


@dataclass(frozen=True)
class Anatomy:
    """One breast on its grid of voxels, axes as in `build`.

    Attributes:
        tissues: share of each tissue of `TISSUES` in each voxel, float32 (5, x, y, z); what is left is air.
        tumour: True inside the tumour.
        depth: of each tumour voxel, in the order of ``tumour``'s voxels: its rank from core (0) to rim (1).
    """

    tissues: NDArray[np.float32]
    tumour: Mask
    depth: NDArray[np.float32]


def random_field(
    generator: np.random.Generator, shape: tuple[int, ...], *, spacing_mm: tuple[float, ...], scale_mm: float
) -> Volume:
    """Return a smooth Gaussian random field, float32 of ``shape``: mean 0 and variance 1 in every voxel.

    White noise on a grid of ``scale_mm`` is spread by a Gaussian kernel of that SD, one axis at a time; rows of
    unit length keep the variance at one.
    """
    kernels = []
    for size, spacing in zip(shape, spacing_mm, strict=True):
        extent = size * spacing
        centres = np.arange(-scale_mm, extent + 2 * scale_mm, scale_mm)
        distance = (np.arange(size) + 0.5)[:, None] * spacing - centres
        kernel = np.exp(-0.5 * (distance / scale_mm) ** 2)
        kernels.append((kernel / np.linalg.norm(kernel, axis=1, keepdims=True)).astype(np.float32))
    field = generator.standard_normal([kernel.shape[1] for kernel in kernels], dtype=np.float32)
    for kernel in kernels:
        # The axis just spread goes to the end, so after all of them the order is the first one again.
        field = np.tensordot(field, kernel, axes=(0, 1))
    return np.ascontiguousarray(field)


def build(
    generator: np.random.Generator,
    *,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    tumour_cc: float,
) -> Anatomy:
    """Build one breast with a tumour of ``tumour_cc`` (as near as whole voxels allow).

    Axes are RAS+: x from left to right, y from the chest wall to the nipple, z from inferior to superior.
    """
    x, y, z = _coordinates(shape, spacing_mm)
    width, height, reach = x[-1, 0, 0] * 2, y[0, -1, 0], z[0, 0, -1] * 2
    # Chest wall: a plane that falls off to the side, with the muscle below it.
    wall = height * generator.uniform(0.10, 0.16) - 0.004 * generator.uniform(0.5, 1.5) * x**2
    # Breast: half an ellipsoid on the wall that reaches beyond the volume at its base.
    radii = (width * generator.uniform(0.52, 0.62), reach * generator.uniform(0.54, 0.66))
    rise = height * generator.uniform(0.70, 0.80)
    base = (x / radii[0]) ** 2 + (z / radii[1]) ** 2
    above = y - wall
    radius = np.sqrt(base + np.square(np.maximum(above, 0) / rise))
    # Distance to the skin in mm, near enough to the surface; positive inside.
    inside = (1 - radius) * rise

    body = _soft(inside)
    skin = body * _soft(2.5 - inside) * _soft(above)
    muscle = body * _soft(-above)
    breast = np.clip(body - skin - muscle, 0, 1)
    texture = random_field(generator, shape, spacing_mm=spacing_mm, scale_mm=5.0)
    density = generator.uniform(-1.2, 0.4)
    # Gland sits in the middle of the breast, with fat below the skin and before the muscle.
    middle = 1.6 - 5.0 * np.square(radius - 0.45) - 1.2 * _soft(4 - above)
    gland = breast * _soft(texture + middle + density - 0.6, width=0.35)
    vessel = breast * _vessel(generator, x=x, y=y, z=z, height=height)
    gland *= 1 - vessel
    tissues = np.stack([breast - gland - vessel, gland, muscle, skin, vessel]).astype(np.float32, copy=False)

    centre = (
        radii[0] * generator.uniform(-0.25, 0.25),
        height * 0.14 + rise * generator.uniform(0.30, 0.50),
        radii[1] * generator.uniform(-0.25, 0.25),
    )
    level = _tumour_level(generator, x=x, y=y, z=z, centre=centre, shape=shape, spacing_mm=spacing_mm)
    level[(inside < 4) | (above < 3)] = np.inf
    voxels = max(8, round(tumour_cc * 1000 / float(np.prod(spacing_mm))))
    tumour, depth = _innermost(level, voxels)
    return Anatomy(tissues=tissues, tumour=tumour, depth=depth)


def _coordinates(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> tuple[Volume, Volume, Volume]:
    x, y, z = (
        (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(spacing)
        for size, spacing in zip(shape, spacing_mm, strict=True)
    )
    return (x - x.mean())[:, None, None], y[None, :, None], (z - z.mean())[None, None, :]


def _soft(distance: Volume, *, width: float = 0.8) -> Volume:
    """Return a step from 0 to 1 that is ``width`` wide: voxels on a border hold some of both tissues."""
    return np.asarray(np.clip(distance / np.float32(2 * width) + np.float32(0.5), 0, 1), dtype=np.float32)


def _vessel(generator: np.random.Generator, *, x: Volume, y: Volume, z: Volume, height: float) -> Volume:
    """Return one vessel that winds from the chest wall towards the nipple."""
    start, end, phase = generator.uniform(-22, 22, 2), generator.uniform(-8, 8, 2), generator.uniform(0, 6, 2)
    along = y / np.float32(height)
    at = [
        start[i] + (end[i] - start[i]) * along + 3 * np.sin(phase[i] + (5 + 2 * i) * along) for i in range(2)
    ]
    return _soft(np.float32(1.3) - np.sqrt((x - at[0]) ** 2 + (z - at[1]) ** 2))


def _tumour_level(
    generator: np.random.Generator,
    *,
    x: Volume,
    y: Volume,
    z: Volume,
    centre: tuple[float, float, float],
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
) -> Volume:
    """Return how far out each voxel lies from a lobulated ellipsoid's centre."""
    rotation, _ = np.linalg.qr(generator.standard_normal((3, 3)))
    stretch = np.exp(generator.uniform(-0.25, 0.25, 3))
    level = np.zeros(shape, dtype=np.float32)
    for axis, factor in zip(rotation.astype(np.float32), stretch, strict=True):
        projected = axis[0] * (x - centre[0]) + axis[1] * (y - centre[1]) + axis[2] * (z - centre[2])
        level += np.square(projected * np.float32(factor))
    lobes = random_field(generator, shape, spacing_mm=spacing_mm, scale_mm=7.0)
    return np.asarray(np.sqrt(level) + 1.3 * lobes, dtype=np.float32)


def _innermost(level: Volume, voxels: int) -> tuple[Mask, NDArray[np.float32]]:
    """Return the ``voxels`` voxels of the lowest level as a mask, and their ranks from 0 to 1."""
    flat = level.ravel()
    chosen = np.sort(np.argpartition(flat, voxels)[:voxels])
    chosen = chosen[np.isfinite(flat[chosen])]
    mask = np.zeros(flat.size, dtype=bool)
    mask[chosen] = True
    return mask.reshape(level.shape), ranks(flat[chosen])


def ranks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rank of each value, evenly spaced from 0 to 1 exclusive."""
    place = np.empty(values.size, dtype=np.float32)
    place[np.argsort(values, kind="stable")] = (np.arange(values.size) + 0.5) / values.size
    return place
