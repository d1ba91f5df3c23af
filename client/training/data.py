"""What a site trains on: clinical vectors, labels, and images that are read batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from fedchemo.shared.configuration import Channel, ImagingSettings


class ImageSource(Protocol):
    """Where images come from, such as `fedchemo.client.cache.ImageCache`."""

    def __contains__(self, patient: str, /) -> bool:
        """Tell whether there is an image of ``patient``."""
        ...

    def batch(self, patients: Sequence[str], /) -> torch.Tensor:
        """Return the images of ``patients``, float32 (n, C, G, G, G)."""
        ...


@dataclass(frozen=True)
class TrainingData:
    """A site's patients, in one order.

    Args:
        images: asked only for patients that it contains.
        clinical: encoded variables, float32 (n, d).
        labels: 1 for pCR, 0 for residual disease, float32 (n,); `predict` does not read them.
        patients: n names.
        channels: what the images' channels are, for augmentation.

    Raises:
        ValueError: if the lengths differ.
    """

    images: ImageSource
    clinical: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    patients: Sequence[str]
    channels: tuple[Channel, ...] = ImagingSettings().channels

    def __post_init__(self) -> None:
        if not len(self.clinical) == len(self.labels) == len(self.patients):
            msg = (
                f"{len(self.clinical)} clinical vectors, {len(self.labels)} labels and "
                f"{len(self.patients)} patients"
            )
            raise ValueError(msg)
