"""Functional tumour volume (FTV): the part of a region that takes up enough contrast agent.

The rule of the I-SPY trials: Hylton NM et al., Radiology 2012;263(3):663-672 and Radiology 2016;279(1):44-55
(ACRIN 6657 / I-SPY 1), with the thresholds that I-SPY 2 uses by default. A site may have used another threshold of
enhancement for its scanner; such volumes differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.lesion.volume import volume_cc


@dataclass(frozen=True)
class Rule:
    """Thresholds of functional tumour volume.

    Attributes:
        background: share of the 95th percentile of the pre-contrast signal in the region below which a voxel is
            background: air, fat that is suppressed, silicone.
        enhancement_percent: least percent enhancement (PE) of the early phase.
        signal_enhancement_ratio: least signal enhancement ratio (SER).
        neighbours: least number of the 26 around a voxel that pass as well.
    """

    background: float = 0.6
    enhancement_percent: float = 70.0
    signal_enhancement_ratio: float = 0.0
    neighbours: int = 4


@dataclass(frozen=True)
class FunctionalTumour:
    """What the rule found.

    Attributes:
        mask: (x, y, z), True in the functional tumour.
        volume_cc: its volume in cm3; 0 is an answer, such as after a complete response.
    """

    mask: NDArray[np.bool_]
    volume_cc: float


_PUBLISHED = Rule()
_PERCENTILE = 95.0


def functional_tumour(
    pre: NDArray[np.generic],
    early: NDArray[np.generic],
    late: NDArray[np.generic],
    affine: NDArray[np.floating[Any]],
    *,
    region: NDArray[np.bool_] | None = None,
    rule: Rule = _PUBLISHED,
) -> FunctionalTumour:
    """Return the functional tumour within a region.

    A voxel counts if pre >= 0.6 times the 95th percentile of pre inside the region; PE = 100 (early - pre) / pre >=
    70; SER = (early - pre) / (late - pre) >= 0; and at least four of its neighbours in 3 x 3 x 3 fulfil all three.
    Where late equals pre the contrast agent has washed out wholly, SER is infinite, and the voxel passes.

    Args:
        pre: (x, y, z), before the contrast agent; so are the next two.
        early: some 150 s after it.
        late: some 450 s after it.
        affine: 4 x 4, voxel to millimetres.
        region: the reader's box around the tumour; the whole volume by default, which is right only for an image
            that was cropped to the tumour: heart and vessels enhance as well.
        rule: the thresholds.

    Raises:
        ValueError: if the shapes differ.
    """
    if region is None:
        region = np.ones(pre.shape, dtype=np.bool_)
    if not pre.shape == early.shape == late.shape == region.shape:
        raise ValueError(f"shapes {pre.shape}, {early.shape}, {late.shape}, region {region.shape}")
    before = np.asarray(pre, dtype=np.float64)
    if not region.any():
        return FunctionalTumour(np.zeros(pre.shape, dtype=np.bool_), 0.0)
    floor = rule.background * float(np.percentile(before[region], _PERCENTILE))
    # Without signal there is nothing to compare with, whatever the percentile.
    passes = region & (before >= floor) & (before > 0)
    gained = np.asarray(early, dtype=np.float64) - before
    kept = np.asarray(late, dtype=np.float64) - before
    passes &= 100.0 * gained >= rule.enhancement_percent * before
    passes &= _ratio_at_least(gained, kept, rule.signal_enhancement_ratio)
    passes &= _neighbours(passes) >= rule.neighbours
    return FunctionalTumour(passes, volume_cc(passes, affine))


def _ratio_at_least(
    gained: NDArray[np.float64], kept: NDArray[np.float64], least: float
) -> NDArray[np.bool_]:
    """Tell where gained / kept >= least; x / 0 is infinite with the sign of x."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # Adding zero makes -0.0 positive.
        ratio = gained / (kept + 0.0)
    return np.asarray(ratio >= least, dtype=np.bool_)


def _neighbours(marked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return how many of the 26 voxels around each are marked; none are beyond the border."""
    padded = np.pad(marked.astype(np.int8), 1)
    around = np.zeros(marked.shape, dtype=np.intp)
    x, y, z = marked.shape
    for i in range(3):
        for j in range(3):
            for k in range(3):
                around += padded[i : i + x, j : j + y, k : k + z]
    return around - marked
