"""The published model: one linear layer to one logit, called as the product's models are."""

from __future__ import annotations

import functools

import torch
from torch import nn

from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.packing import Weights, manifest, pack
from fedchemo.simulations.paper.cohorts import FEATURES


class LinearModel(nn.Module):
    """Logistic regression; it looks at no image."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(FEATURES, 1)

    def forward(
        self, _images: torch.Tensor, _has_image: torch.Tensor, clinical: torch.Tensor
    ) -> torch.Tensor:
        """Return logits (n,) of the variables, float32 (n, 13)."""
        logits: torch.Tensor = self.linear(clinical)
        return logits.squeeze(-1)


def first_weights(seed: int) -> Weights:
    """Return torch's own first weights of a layer that is built just after ``torch.manual_seed(seed)``."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return pack(LinearModel())


@functools.lru_cache(maxsize=8)
def identity(configuration: SiteConfiguration) -> tuple[int, str]:
    """Return the number of weights and the fingerprint of this model on this table."""
    with torch.random.fork_rng(devices=()):
        described = manifest(LinearModel())
    features = [f"heart-disease f{index:02}" for index in range(FEATURES)]
    return described.size, fingerprint(configuration, described, features)
