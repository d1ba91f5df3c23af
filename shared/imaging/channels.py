"""What the channels of a tensor mean: sums of phases in units of the pre-contrast volume.

The mean and SD of the *pre-contrast* volume scale all phases. A z-score a phase would set each phase's mean to
zero and so remove how much the tissue enhances, which is what the contrast agent was given for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fedchemo.shared.configuration import Channel

# Each channel as a sum of (pre, early, late).
_SUMS: MappingProxyType[Channel, tuple[int, int, int]] = MappingProxyType(
    {
        "pre": (1, 0, 0),
        "early": (0, 1, 0),
        "late": (0, 0, 1),
        "wash_in": (-1, 1, 0),
        "wash_out": (0, -1, 1),
    }
)

CONTRAST: tuple[Channel, ...] = tuple(name for name, weights in _SUMS.items() if sum(weights) == 0)
"""The channels that are differences of phases: zero where nothing enhances."""


@dataclass(frozen=True)
class Scale:
    """The scale of intensity of one examination, from its pre-contrast volume.

    Attributes:
        mean: mean over all voxels.
        sd: standard deviation over all voxels, above zero.
        air: the smallest value: what a voxel without tissue measures.
    """

    mean: float
    sd: float
    air: float


def measure(pre: NDArray[np.float32]) -> Scale:
    """Return the scale of a pre-contrast volume that is not constant."""
    return Scale(
        mean=float(pre.mean(dtype=np.float64)),
        sd=float(pre.std(dtype=np.float64)),
        air=float(pre.min()),
    )


def combine(
    above_air: Sequence[NDArray[np.float32]], *, channels: Sequence[Channel], scale: Scale
) -> NDArray[np.float32]:
    """Return the channels, float32 (channels, ...).

    ``pre``, ``early`` and ``late`` are (x - mean) / SD; ``wash_in`` is (early - pre) / SD and ``wash_out``
    (late - early) / SD, mean and SD those of the pre-contrast volume.

    Args:
        above_air: pre, early and late, each less ``scale.air``. A voxel that is zero in all of them becomes air
            in the phases and zero in the differences.
        channels: their names, in order.
        scale: from `measure`.
    """
    background = np.float32((scale.air - scale.mean) / scale.sd)
    sd = np.float32(scale.sd)
    background = np.float32((scale.air - scale.mean) / scale.sd)
    out = np.zeros((len(channels), *above_air[0].shape), dtype=np.float32)
    for i, name in enumerate(channels):
        weights = _SUMS[name]
        for weight, phase in zip(weights, above_air, strict=True):
            if weight:
                out[i] += np.float32(weight) * phase
        out[i] /= sd
        out[i] += np.float32(sum(weights)) * background
    return out
