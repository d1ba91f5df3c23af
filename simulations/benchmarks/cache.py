"""Reads a second of the image cache, in memory as it is in the middle of training."""

from __future__ import annotations

import time
from pathlib import Path

import nibabel
import numpy as np

from fedchemo.client.cache import ImageCache
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.randomness import numpy_stream

PATIENTS = 12


def reads_a_second(folder: Path, *, seconds: float) -> float:
    """Return how many tensors of the default size one core reads a second, each copied into memory."""
    patients = {f"P{number}": _examination(folder, number) for number in range(PATIENTS)}
    cache = ImageCache(folder / "cache", ImagingSettings())
    refused = cache.fill(patients)
    assert not refused, refused
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        for patient in patients:
            np.array(cache.read(patient))
        count += PATIENTS
    return count / (time.perf_counter() - started)


def _examination(folder: Path, number: int) -> Path:
    """Write three phases of 64 x 64 x 32 voxels with something that enhances."""
    random = numpy_stream(0, f"P{number}", 0, "benchmark")
    visit = folder / "images" / f"P{number}" / "T0"
    visit.mkdir(parents=True)
    pre = random.normal(100, 10, (64, 64, 32)).astype(np.float32)
    gain = np.zeros_like(pre)
    gain[24:40, 24:40, 10:22] = 80
    for phase, volume in {"pre": pre, "early": pre + gain, "late": pre + gain / 2}.items():
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.5, 1.5, 2, 1])), visit / f"{phase}.nii.gz")
    return visit
