"""Small models and batches for tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.model.build import build
from fedchemo.shared.model.film import Film
from fedchemo.shared.model.fusion import FusionModel
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.randomness import torch_stream

MODEL = ModelSettings(widths=(4, 8, 8, 8), film_bottleneck=3)
IMAGING = ImagingSettings(grid=16)
FEATURES = 5


def fusion_model(
    *, model: ModelSettings = MODEL, imaging: ImagingSettings = IMAGING, seed: int = 0, gate: float = 0.0
) -> FusionModel:
    """Return a model as if trained: nothing that starts at zero is, but for the gate, which is at ``gate``."""
    built = build(model, imaging, FEATURES)
    initialise(built, seed)
    with torch.no_grad():
        built.clinical.weight.copy_(torch.linspace(-1, 1, FEATURES))
        built.clinical.bias.fill_(0.3)
        if built.gate is not None:
            built.gate.fill_(gate)
            built.image.head.weight.copy_(torch.linspace(-1, 1, built.image.head.in_features)[None])
        if built.image is not None:
            built.image.head.weight.normal_(0, 0.3, generator=torch_stream(seed, "head"))
        for module in built.modules():
            if isinstance(module, Film):
                module.modulation.weight.copy_(
                    torch.linspace(-1, 1, module.modulation.weight.numel()).view_as(module.modulation.weight)
                )
    return built


def batch(n: int, *, seed: int = 0, imaging: ImagingSettings = IMAGING) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (n, C, G, G, G) and clinical vectors (n, d) of standard normal values."""
    stream = torch_stream(seed, "batch")
    images = torch.randn(n, len(imaging.channels), *(imaging.grid,) * 3, generator=stream)
    return images, torch.randn(n, FEATURES, generator=stream)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Tell whether two tensors hold the same bits, the sign of a zero included."""
    return one.detach().numpy().tobytes() == other.detach().numpy().tobytes()


def global_states() -> list[object]:
    """Return the states of every global generator, for comparison."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state().tolist(), kind, keys.tolist(), rest, random.getstate()]


@contextmanager
def untouched_generators() -> Iterator[None]:
    """Fail if a global generator moves."""
    before = global_states()
    yield
    assert global_states() == before
