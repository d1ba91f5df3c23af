"""The weights of a model whose log-odds are stretched: another model of the same structure, with the same ranking."""

from __future__ import annotations

import numpy as np

from fedchemo.shared.metrics.stretch import Stretch
from fedchemo.shared.model.packing import Manifest, Weights

WEIGHT, BIAS, GATE = "clinical.weight", "clinical.bias", "image.gate.opening"
"""All that stands between the fusion model's parts and its logit: see `fedchemo.shared.model.fusion`."""


def stretched(vector: Weights, manifest: Manifest, stretch: Stretch) -> Weights:
    """Return the weights of a model whose logits are ``stretch.factor * (logit - stretch.location)``.

    Args:
        vector: packed, float32 (manifest.size,).
        manifest: of the vector.
        stretch: of the logits.
    """
    found, start = vector.copy(), 0
    for entry in manifest.entries:
        part = slice(start, start + entry.size)
        if entry.name in {WEIGHT, BIAS, GATE}:
            moved = vector[part].astype(np.float64) - (stretch.location if entry.name == BIAS else 0.0)
            found[part] = (stretch.factor * moved).astype(np.float32)
        start += entry.size
    return found
