"""Scanners: the brightness, noise, timing and fat suppression that differ between hospitals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.datasets.synthetic.anatomy import Volume, random_field

SHAPE = (64, 64, 32)
"""Voxels of a volume: with 1.25 x 1.25 x 2.5 mm each, 80 mm along each axis, a crop of one breast."""


@dataclass(frozen=True)
class Scanner:
    """How images are made.

    Attributes:
        vendor: name of the maker.
        gain: units of the image for a signal of 1.
        noise: SD of noise as a share of this signal.
        fat: signal of fat; low where fat suppression works well.
        shading: SD of the logarithm of the receive coil's sensitivity over the volume.
        minutes: times of the early and the late phase after the injection.
        spacing_mm: voxel size with a matrix of `SHAPE`; another matrix covers the same field of view.
    """

    vendor: str
    gain: float
    noise: float
    fat: float
    shading: float
    minutes: tuple[float, float]
    spacing_mm: tuple[float, float, float]

    def voxels_mm(self, shape: tuple[int, int, int]) -> tuple[float, float, float]:
        """Return the voxel size with a matrix of ``shape``."""
        x, y, z = (
            spacing * full / size for spacing, full, size in zip(self.spacing_mm, SHAPE, shape, strict=True)
        )
        return x, y, z


# Made up: they differ as makers' usual protocols do, and say nothing of a real one.
VENDORS = (
    Scanner(
        "GE", gain=300, noise=0.025, fat=0.24, shading=0.05, minutes=(2.5, 7.5), spacing_mm=(1.25, 1.25, 2.5)
    ),
    Scanner(
        "Siemens",
        gain=150,
        noise=0.035,
        fat=0.38,
        shading=0.08,
        minutes=(2.3, 7.2),
        spacing_mm=(1.2, 1.2, 2.5),
    ),
    Scanner(
        "Philips",
        gain=620,
        noise=0.022,
        fat=0.30,
        shading=0.06,
        minutes=(2.7, 7.9),
        spacing_mm=(1.3, 1.3, 2.5),
    ),
)
MAIN_SHARE = 0.92
"""The share of a hospital's patients who are imaged on its main scanner."""


def site_scanners(seed: int, site: int) -> tuple[Scanner, Scanner]:
    """Return a hospital's main and second scanner; they depend on (seed, site) only.

    Makers take turns from hospital to hospital, so that each occurs; settings vary around the maker's.
    """
    first = site + int(numpy_stream(seed, "synthetic", "vendors").integers(len(VENDORS)))
    generator = numpy_stream(seed, "synthetic", "site", site, "scanner")
    main, second = (_adjusted(VENDORS[(first + turn) % len(VENDORS)], generator) for turn in range(2))
    return main, second


def choose(scanners: tuple[Scanner, Scanner], uniform: float) -> Scanner:
    """Return the scanner that a uniform number stands for."""
    return scanners[uniform >= MAIN_SHARE]


def acquire(
    generator: np.random.Generator,
    scanner: Scanner,
    signals: tuple[Volume, ...],
    *,
    spacing_mm: tuple[float, float, float],
) -> tuple[NDArray[np.int16], ...]:
    """Return images of signals: shaded by the coil, with noise, of magnitude, as int16."""
    field = random_field(generator, signals[0].shape, spacing_mm=spacing_mm, scale_mm=40.0)
    sensitivity = np.exp(np.float32(scanner.shading) * field) * np.float32(scanner.gain)
    images = []
    for signal in signals:
        noise = generator.standard_normal(signal.shape, dtype=np.float32) * np.float32(
            scanner.noise * scanner.gain
        )
        # The magnitude's fold at zero stands for Rician noise, which differs from Gaussian in air only.
        images.append(np.rint(np.minimum(np.abs(signal * sensitivity + noise), 32767)).astype(np.int16))
    return tuple(images)


def _adjusted(scanner: Scanner, generator: np.random.Generator) -> Scanner:
    gain, noise, fat = (float(factor) for factor in np.exp(generator.normal(0, (0.15, 0.1, 0.12))))
    in_plane = round(scanner.spacing_mm[0] * (1 + float(generator.uniform(-0.02, 0.02))), 3)
    early, late = (float(shift) for shift in generator.uniform((-0.2, -0.4), (0.2, 0.4)))
    return replace(
        scanner,
        gain=scanner.gain * gain,
        noise=scanner.noise * noise,
        fat=scanner.fat * fat,
        minutes=(scanner.minutes[0] + early, scanner.minutes[1] + late),
        spacing_mm=(in_plane, in_plane, scanner.spacing_mm[2]),
    )
