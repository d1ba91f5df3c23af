"""Augmentation of a batch of tensors: what could have been another examination of the same patient."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fedchemo.shared.configuration import Channel, ImagingSettings
from fedchemo.shared.imaging.channels import CONTRAST

# Left and right breasts mirror each other, and so, nearly, do the upper and lower half of one. Front and back
# do not: the chest wall is always behind.
_FLIPPED = (0, 2)
# The centre of a lesion is uncertain by some millimetres: two voxels are 3 mm on the default grid.
_SHIFT = 2
# Dose, injection and timing move enhancement by more; a tenth leaves its order between patients alone.
_CONTRAST = 0.1

_DEFAULT_CHANNELS: tuple[Channel, ...] = ImagingSettings().channels


def augment(
    batch: torch.Tensor, generator: torch.Generator, *, channels: Sequence[Channel] = _DEFAULT_CHANNELS
) -> torch.Tensor:
    """Return a flipped, shifted and rescaled copy of ``batch``, each sample in its own way.

    A sample is flipped left-right and inferior-superior with probability one half each, shifted by up to two
    voxels along each axis (its edge is repeated), and its differences of phases, ``wash_in`` and ``wash_out``, are
    multiplied by one factor between 0.9 and 1.1. Absolute phases keep their values.

    Args:
        batch: (n, C, G, G, G) on any device, axes in RAS+ order; a sample of zeros (no image) stays one.
        generator: a CPU generator, so that a CPU and a GPU draw the same numbers; it gives 6 n of them.
        channels: what the C channels are.

    Raises:
        ValueError: if the channels do not fit the batch or the generator is not on the CPU.
    """
    if batch.shape[1] != len(channels):
        msg = f"a batch of {batch.shape[1]} channels, but {len(channels)} are named: {', '.join(channels)}"
        raise ValueError(msg)
    if generator.device.type != "cpu":
        msg = f"the generator is on {generator.device}, not on the CPU"
        raise ValueError(msg)
    n, c, *sizes = batch.shape
    draws = torch.rand((n, 6), generator=generator)
    flips = torch.zeros((n, 3), dtype=torch.bool)
    flips[:, _FLIPPED] = draws[:, :2] < 0.5
    shifts = (draws[:, 2:5] * (2 * _SHIFT + 1)).long() - _SHIFT
    contrast = 1 + _CONTRAST * (2 * draws[:, 5] - 1)
    x, y, z = (
        _indices(size, flips[:, axis], shifts[:, axis]).to(batch.device) for axis, size in enumerate(sizes)
    )
    factors = torch.ones((n, c))
    for i, name in enumerate(channels):
        if name in CONTRAST:
            factors[:, i] = contrast
    moved = torch.empty_like(batch, memory_format=torch.contiguous_format)
    # A second buffer of a whole batch costs a CPU more in fresh pages than all the rest; a GPU wants one call.
    at_once = 1 if batch.device.type == "cpu" else max(1, n)
    for part, out, *indices in zip(
        *(torch.split(tensor, at_once) for tensor in (batch, moved, x, y, z)), strict=True
    ):
        _take(part, *indices, out=out)
    return moved.mul_(factors.to(batch).view(n, c, 1, 1, 1))


def _indices(size: int, flips: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Return int64 (n, size): the voxel that each voxel of the result comes from."""
    source = (torch.arange(size) - shifts[:, None]).clamp(0, size - 1)
    return torch.where(flips[:, None], size - 1 - source, source)


def _take(
    batch: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, *, out: torch.Tensor
) -> None:
    """Put ``batch`` at the indices of each sample into ``out``: whole rows first, as fast as copying them."""
    n, c, gx, gy, gz = batch.shape
    volumes = torch.arange(n * c, device=batch.device).view(n, c, 1, 1)
    rows = (volumes * gx + x.view(n, 1, gx, 1)) * gy + y.view(n, 1, 1, gy)
    taken = batch.reshape(-1, gz).index_select(0, rows.reshape(-1)).view(n, c * gx * gy, gz)
    torch.gather(taken, 2, z.view(n, 1, gz).expand_as(taken), out=out.view(taken.shape))
