"""Which sites train in a round: drawn by us, from names, so that a rerun draws the same."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fedchemo.shared.randomness import numpy_stream


def draw(sites: Iterable[str], *, seed: int, round_number: int, fraction: float) -> list[str]:
    """Return the sites of a round, sorted: ``ceil(fraction * n)`` of them, without replacement."""
    names = sorted(sites)
    wanted = math.ceil(fraction * len(names))
    if wanted == len(names):
        return names
    stream = numpy_stream(seed, "coordinator", round_number, "sites")
    return sorted(stream.choice(names, size=wanted, replace=False).tolist())
