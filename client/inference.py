"""A trained model on the patients of a site folder, whether or not the site took part in its training."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import expit

from fedchemo.client.cache import ImageCache
from fedchemo.client.training.data import ImageSource, TrainingData
from fedchemo.client.training.loop import predict
from fedchemo.shared.clinical.encoding import encode
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.metrics.scores import Labels, Vector
from fedchemo.shared.model.artefact import TrainedModel

if TYPE_CHECKING:
    from fedchemo.client.cohort import Cohort

# 32 tensors of 48 cubed are 42 MB; larger batches gain nothing.
BATCH = 32
# Preparing one patient's volumes takes some 300 MB.
MOST_WORKERS = 4

Progress = Callable[[int, int], None]
"""Told how many images of how many are prepared."""


class GateClosed:
    """Images of nobody: the model then is its clinical part, to the bit."""

    def __contains__(self, patient: object) -> bool:
        return False

    def batch(self, patients: Sequence[str]) -> torch.Tensor:
        """Return nothing for each of the patients."""
        return torch.zeros(len(patients), 0)


@dataclass(frozen=True)
class Predictions:
    """What the model says of some patients; all arrays are in the order of ``patients``.

    Attributes:
        patients: identifiers.
        probabilities: of pCR, float64 (n,).
        clinical_only: the same with the gate closed to images, float64 (n,).
        has_image: whether an image was looked at, (n,).
        outcomes: 1 is pCR, 0 is none, NaN is not known, float64 (n,).
        set_aside: patient to the reason why the image could not be used.
    """

    patients: tuple[str, ...]
    probabilities: Vector
    clinical_only: Vector
    has_image: Labels
    outcomes: Vector
    set_aside: Mapping[str, str]


def predict_patients(
    model: TrainedModel,
    cohort: Cohort,
    patients: Sequence[str],
    *,
    cache: Path,
    device: torch.device,
    progress: Progress | None = None,
) -> Predictions:
    """Predict pCR; a patient without a usable image gets the clinical part of the model.

    Args:
        model: the model; its module is moved to ``device``.
        cohort: the site.
        patients: whom to predict, labelled or not.
        cache: folder of prepared images.
        device: where to compute.
        progress: told how far the images are prepared.

    Raises:
        FedchemoError: FC004 if the cache cannot be written, FC210 if an image vanishes meanwhile.
    """
    frame = cohort.clinical.loc[list(patients)]
    images, set_aside = _prepare(model.configuration.imaging, cohort, patients, cache, progress)
    clinical = encode(frame, model.configuration.clinical, model.statistics)
    outcomes = frame["pcr"].to_numpy(dtype=np.float64)

    def probabilities(source: ImageSource) -> Vector:
        data = TrainingData(source, clinical, outcomes.astype(np.float32), list(patients))
        logits = predict(model.module.to(device), data, batch_size=BATCH, device=device)
        found: Vector = expit(logits)
        return found

    return Predictions(
        patients=tuple(patients),
        probabilities=probabilities(images),
        clinical_only=probabilities(GateClosed()),
        has_image=np.array([patient in images for patient in patients], dtype=np.bool_),
        outcomes=outcomes,
        set_aside=set_aside,
    )


def _prepare(
    settings: ImagingSettings, cohort: Cohort, patients: Sequence[str], cache: Path, progress: Progress | None
) -> tuple[ImageSource, dict[str, str]]:
    """Return the images of the visit that the model was trained on, and why some are set aside."""
    visits = {patient: cohort.images.get(patient, {}) for patient in patients}
    folders = {patient: found[settings.visit] for patient, found in visits.items() if settings.visit in found}
    if not settings.enabled or not folders:
        return GateClosed(), {}
    images = ImageCache(cache, settings)
    refused = images.fill(folders, progress=progress, workers=min(MOST_WORKERS, os.cpu_count() or 1))
    return images, {patient: str(why) for patient, why in refused.items()}
