"""Small cohorts in memory for tests of local training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fedchemo.client.training.data import TrainingData
from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fusion import FusionModel
from fedchemo.shared.model.initialise import initialise

MODEL = ModelSettings(widths=(4, 8, 8, 8), film_bottleneck=3)
IMAGING = ImagingSettings(grid=16)
CLINICAL = ImagingSettings(enabled=False)
FEATURES = 4
CPU = torch.device("cpu")


class MemoryImages:
    """Images by patient, and a list of what was asked for."""

    def __init__(self, images: dict[str, torch.Tensor]) -> None:
        self.images = images
        self.asked: list[list[str]] = []

    def __contains__(self, patient: str) -> bool:
        return patient in self.images

    def batch(self, patients: Sequence[str]) -> torch.Tensor:
        self.asked.append(list(patients))
        return torch.stack([self.images[patient] for patient in patients])


def cohort(
    n: int, *, imaged: float = 0.7, seed: int = 0, grid: int = IMAGING.grid, signal: float = 0.0
) -> TrainingData:
    """Return n patients of noise; ``signal`` adds a bright half to the images of those with pCR."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(np.float32)
    images = rng.normal(size=(n, 3, grid, grid, grid)).astype(np.float32)
    images[labels == 1, 1, grid // 2 :] += signal
    # Rounded as the cache rounds them.
    images = images.astype(np.float16).astype(np.float32)
    patients = [f"patient-{i:03d}" for i in range(n)]
    return TrainingData(
        images=MemoryImages(
            {
                p: torch.from_numpy(image)
                for p, image in zip(patients, images, strict=True)
                if rng.random() < imaged
            }
        ),
        clinical=rng.normal(size=(n, FEATURES)).astype(np.float32),
        labels=labels,
        patients=patients,
    )


def model(
    *, imaging: ImagingSettings = IMAGING, settings: ModelSettings = MODEL, gate: float = 0.01
) -> FusionModel:
    """Return a model at its start; with its gate and its head a little open, unless ``gate`` is 0.

    Open, every parameter learns from the first step.
    """
    made = build(settings, imaging, FEATURES)
    initialise(made, 0)
    if made.image is not None and gate:
        with torch.no_grad():
            made.image.gate.opening.fill_(gate)
            made.image.head.weight.copy_(torch.linspace(-0.5, 0.5, made.image.head.in_features)[None])
    return made
