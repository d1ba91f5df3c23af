"""One patient's examination: anatomy, kinetics and scanner put together, measured, and written as NIfTI."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.datasets.contract import PhaseFiles
from fedchemo.simulations.datasets.synthetic.anatomy import Mask, build
from fedchemo.simulations.datasets.synthetic.kinetics import CURVES, arrange, draw_manner, enhancement, phases
from fedchemo.simulations.datasets.synthetic.scanner import SHAPE, Scanner, acquire

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Patient:
    """What an examination depends on.

    Attributes:
        number: names the patient's stream of random numbers.
        tumour_cc: volume of the tumour.
        hidden: the factor of the outcome that only the image shows.
        scanner: the examination is made on.
    """

    number: int
    tumour_cc: float
    hidden: float
    scanner: Scanner


@dataclass(frozen=True)
class Examination:
    """Images and measurements of one visit.

    Attributes:
        volumes: ``pre``, ``early``, ``late`` (int16) and ``lesion`` (uint8, 0 or 1), of one shape, axes in RAS+ order.
        spacing_mm: distance between voxels.
        measured: columns of ``visits.csv`` as a radiologist would fill them.
    """

    volumes: Mapping[str, NDArray[np.generic]]
    spacing_mm: Spacing
    measured: Mapping[str, float]

    def write(self, folder: Path) -> PhaseFiles:
        """Write each volume as ``.nii.gz`` and return the paths; the same volumes give the same bytes.

        Raises:
            FedchemoError: FC004 if a file cannot be written.
        """
        affine = np.diag([*self.spacing_mm, 1.0])
        files = {name: folder / f"{name}.nii.gz" for name in self.volumes}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, values in self.volumes.items():
                content = nibabel.Nifti1Image(values, affine).to_bytes()
                # Without a time stamp. Level 1: noise hardly shrinks however long one tries.
                files[name].write_bytes(gzip.compress(content, 1, mtime=0))
        except OSError as error:
            raise FedchemoError("FC004", f"{error.filename or folder}: {error.strerror or error}") from error
        return PhaseFiles(**files)


def examine(patient: Patient, *, seed: int, shape: tuple[int, int, int] = SHAPE) -> Examination:
    """Make a patient's examination; every draw comes from a stream of (seed, patient).

    Args:
        patient: what it depends on.
        seed: the cohort's.
        shape: voxels of a volume; the field of view is the scanner's whatever it is.
    """
    generator = numpy_stream(seed, "synthetic", patient.number, "image")
    scanner = patient.scanner
    spacing_mm = scanner.voxels_mm(shape)
    anatomy = build(generator, shape=shape, spacing_mm=spacing_mm, tumour_cc=patient.tumour_cc)
    manner = draw_manner(generator)
    vigour = arrange(generator, anatomy, hidden=patient.hidden, spacing_mm=spacing_mm)
    signals = phases(anatomy, vigour, manner, fat_signal=scanner.fat, minutes=scanner.minutes)
    pre, early, late = acquire(generator, scanner, signals, spacing_mm=spacing_mm)
    amplitude, uptake, washout = CURVES["gland"]
    gland = enhancement(scanner.minutes[0], amplitude=amplitude, uptake=uptake, washout=washout)
    return Examination(
        volumes={"pre": pre, "early": early, "late": late, "lesion": anatomy.tumour.astype(np.uint8)},
        spacing_mm=spacing_mm,
        measured={
            "ftv_cc": round(float(anatomy.tumour.sum() * np.prod(spacing_mm)) / 1000, 3),
            "longest_diameter_mm": round(longest_diameter_mm(anatomy.tumour, spacing_mm), 1),
            "sphericity": round(sphericity(anatomy.tumour, spacing_mm), 3),
            "bpe": round(100 * manner.background * float(gland), 1),
        },
    )


def longest_diameter_mm(mask: Mask, spacing_mm: Spacing) -> float:
    """Return the largest extent of a mask over thirteen directions, mm."""
    points = np.argwhere(mask) * np.array(spacing_mm)
    directions = np.array(np.meshgrid(*[(-1, 0, 1)] * 3)).reshape(3, -1).T[:13].astype(float)
    along = points @ (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T
    return float(np.ptp(along, axis=0).max() + spacing_mm[0])


def sphericity(mask: Mask, spacing_mm: Spacing) -> float:
    """Return the surface of a sphere of a mask's volume over the mask's own surface, at most 1.

    The faces between voxels overstate a smooth surface by 3/2 on average over directions (Cauchy's formula).
    """
    padded = np.pad(mask, 1)
    volume = float(mask.sum() * np.prod(spacing_mm))
    faces = sum(
        float(np.count_nonzero(np.diff(padded, axis=axis)) * np.prod(spacing_mm) / spacing_mm[axis])
        for axis in range(3)
    )
    return float(min(1.0, np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / (faces * 2 / 3)))
