"""An update at the gate: one finite float32 vector whose distance from the weights received has a bound."""

from __future__ import annotations

import math

import numpy as np

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.records import Weights

BLOCK = 1 << 16
"""Weights handled at a time, so that temporaries stay in the processor's cache."""
NEAR = 0.999
"""Norms are first taken in float32; from this share of the bound on, again in float64."""


def clipped(weights: Weights, received: Weights, *, largest: float) -> tuple[Weights, float]:
    """Return the weights that may leave and the L2 norm that the update had.

    An update within the bound leaves as it is, to the bit; a longer one is shortened along its direction.

    Args:
        weights: float32 (parameters,), after training.
        received: float32 (parameters,), before it.
        largest: the bound; infinite for none.

    Raises:
        FedchemoError: FC902 if the weights are no finite float32 vector of the length received.
    """
    if weights.dtype != np.float32 or weights.ndim != 1 or weights.shape != received.shape:
        raise FedchemoError("FC902", "an update must be one float32 vector of the length received")
    norm = _norm(weights, received, np.float32)
    if not math.isfinite(norm):
        # What was received is finite, or `unpack` would have refused it; or single squares are beyond float32.
        if not np.isfinite(weights).all():
            raise FedchemoError("FC902", "an update holds a value that is not finite")
        norm = _norm(weights, received, np.float64)
    if norm < NEAR * largest:
        return weights, norm
    norm = _norm(weights, received, np.float64)
    if norm <= largest:
        return weights, norm
    return _shortened(weights, received, largest / norm), norm


def _norm(weights: Weights, received: Weights, precision: type[np.floating]) -> float:
    """Return the L2 norm of the difference; differences are taken and squared with ``precision``."""
    total = 0.0
    difference = np.empty(BLOCK, dtype=precision)
    with np.errstate(all="ignore"):
        for start in range(0, len(weights), BLOCK):
            block = slice(start, start + BLOCK)
            part = difference[: len(weights[block])]
            np.subtract(weights[block], received[block], out=part, dtype=precision)
            total += float(part @ part)
    return math.sqrt(total)


def _shortened(weights: Weights, received: Weights, factor: float) -> Weights:
    shorter = np.empty_like(weights)
    for start in range(0, len(weights), BLOCK):
        block = slice(start, start + BLOCK)
        base = received[block].astype(np.float64)
        shorter[block] = base + factor * (weights[block] - base)
    return shorter
