"""Contrast kinetics: wash-in, plateau and wash-out of each tissue, and where in the tumour they are strong.

Enhancement follows the empirical model of Fan et al. (Magnetic Resonance in Medicine 51:487, 2004): as a share of
the signal before contrast it is ``amplitude (1 - exp(-uptake t)) exp(-washout t)``, t in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.simulations.datasets.synthetic.anatomy import TISSUES, Anatomy, Volume, random_field, ranks

ORGANISATION = 0.95
"""The largest correlation of enhancement with depth in a tumour; texture makes up the rest."""
STEEPNESS = 1.8
"""How fast organisation nears its largest value as the hidden factor grows."""
NEUTRAL_RIM = 0.2
"""The outermost share of a tumour, which no hidden factor organises.

Resampling mixes a tumour's surface with the fat around it. A bright surface would lose more by that than a bright
core, and SD and maximum of a resampled crop would tell them apart.
"""

STEEPNESS = 1.5
"""How fast the arrangement nears it as the hidden factor grows: most tumours are plainly one or the other."""

TUMOUR_SIGNAL = 0.80
# Fat's own signal depends on the scanner; the others are shares of the brightest tissue.
SIGNAL = {"fat": 0.0, "gland": 0.85, "muscle": 0.70, "skin": 0.75, "vessel": 0.60}
# Amplitude, uptake and wash-out: gland enhances slowly and steadily, a vessel at once.
CURVES = {
    "fat": (0.05, 1.0, 0.0),
    "gland": (0.30, 0.25, -0.01),
    "muscle": (0.18, 0.8, 0.0),
    "skin": (0.35, 0.5, 0.0),
    "vessel": (2.0, 3.0, 0.05),
}
_TEXTURE_MM = 2.5


@dataclass(frozen=True)
class Manner:
    """How one patient enhances, as factors of the typical one; none of them knows the outcome.

    Attributes:
        strength: of the tumour's enhancement.
        spread: of enhancement within the tumour.
        washout: of wash-out within the tumour.
        uptake: of the tumour's speed of uptake.
        background: of the healthy gland's enhancement.
    """

    strength: float
    spread: float
    washout: float
    uptake: float
    background: float


def draw_manner(generator: np.random.Generator) -> Manner:
    """Draw a patient's manner: five log-normal factors.

    Spread, wash-out and uptake vary on their own, so that no statistic of one phase foretells that of another,
    and what resampling does to either hides behind it.
    """
    return Manner(*(float(factor) for factor in np.exp(generator.normal(0, (0.15, 0.25, 0.25, 0.25, 0.4)))))


def enhancement(
    minutes: float, *, amplitude: Volume | float, uptake: Volume | float, washout: Volume | float
) -> Volume:
    """Return the enhancement so long after the injection; 1 doubles the signal."""
    return np.asarray(
        amplitude * (1 - np.exp(-np.float32(minutes) * uptake)) * np.exp(-np.float32(minutes) * washout),
        dtype=np.float32,
    )


def arrange(
    generator: np.random.Generator, anatomy: Anatomy, *, hidden: float, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return how vigorous each voxel of a tumour is: its rank among the tumour's voxels, 0 to 1.

    The hidden factor decides where vigour sits: above zero towards the rim, below zero in the core, near zero
    nowhere in particular. The values are the same set whatever it is, so that no histogram, mean, SD or
    maximum of the tumour shows it.
    """
    organised = anatomy.depth < 1 - NEUTRAL_RIM
    depth = np.zeros_like(anatomy.depth)
    depth[organised] = _standardise(anatomy.depth[organised])
    field = random_field(generator, anatomy.tumour.shape, spacing_mm=spacing_mm, scale_mm=_TEXTURE_MM)
    texture = field[anatomy.tumour]
    # Chance must not look like organisation: in a small tumour texture alone would.
    texture = _standardise(texture - depth * np.float32(depth @ texture / (depth @ depth)))
    weight = np.where(organised, np.float32(ORGANISATION * np.tanh(STEEPNESS * hidden)), np.float32(0))
    return ranks(np.asarray(weight * depth + np.sqrt(1 - weight**2) * texture, dtype=np.float32))


def phases(
    anatomy: Anatomy,
    vigour: NDArray[np.float32],
    manner: Manner,
    *,
    fat_signal: float,
    minutes: tuple[float, float],
) -> tuple[Volume, Volume, Volume]:
    """Return the signals before contrast, early and late, 0 in air and 1 in the brightest tissue before contrast.

    Fast wash-in goes with wash-out (type III curves), slow wash-in with steady enhancement.

    Args:
        anatomy: where the tissues lie.
        vigour: of the tumour's voxels, from `arrange`.
        manner: of this patient.
        fat_signal: what fat suppression leaves.
        minutes: times of the early and the late phase.
    """
    signal = np.array([SIGNAL[tissue] or fat_signal for tissue in TISSUES], dtype=np.float32)
    centred = vigour - np.float32(0.5)
    # Between the slowest and the most vigorous voxel of a tumour.
    amplitude_range, washout_range = np.float32(1.8 * manner.spread), np.float32(0.14 * manner.washout)
    made = []
    for time in (0.0, *minutes):
        grown = [
            float(enhancement(time, amplitude=amplitude, uptake=uptake, washout=washout))
            for amplitude, uptake, washout in (CURVES[tissue] for tissue in TISSUES)
        ]
        grown[TISSUES.index("gland")] *= manner.background
        volume = np.tensordot(signal * (1 + np.array(grown, dtype=np.float32)), anatomy.tissues, axes=1)
        tumour = enhancement(
            time,
            amplitude=np.float32(manner.strength) * np.maximum(1.35 + amplitude_range * centred, 0.1),
            uptake=np.float32(manner.uptake) * (np.float32(1.5) + np.float32(2.0) * centred),
            washout=np.float32(0.035) + washout_range * centred,
        )
        volume[anatomy.tumour] = np.float32(TUMOUR_SIGNAL) * (1 + tumour)
        made.append(volume)
    return made[0], made[1], made[2]


def _standardise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = values - values.mean()
    return np.asarray(centred / centred.std(), dtype=np.float32)
