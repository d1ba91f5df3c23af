"""The exact weighted mean of updates: the same bits in whatever order they arrive, and flat memory.

Each update is rounded to multiples of 2^-32 and added, times its number of patients, to an int64 accumulator.
Integer addition is associative, so the order cannot matter; secure aggregation masks the same integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.records import Weights

SCALE = 2.0**32
LARGEST_WEIGHT = 2.0**14
"""A weight beyond it means that training has diverged at that site."""
MOST_EXAMPLES = 2**17 - 1
"""Patients that a sum can hold: 2^14 * 2^32 * 2^17 = 2^63."""
BLOCK = 1 << 16
"""Weights handled at a time, so that temporaries stay in the processor's cache."""


class FixedPointMean:
    """Accumulates updates of ``size`` float32 weights, eight bytes of memory a weight."""

    def __init__(self, size: int) -> None:
        self._sums = np.zeros(size, dtype=np.int64)
        self._examples = 0

    @property
    def examples(self) -> int:
        """Patients behind the updates added so far."""
        return self._examples

    def add(self, weights: Weights, examples: int) -> None:
        """Add one site's update, float32 (size,); on an error nothing has been added.

        Raises:
            FedchemoError: FC305 for another length or a weight that is not finite, FC403 for a weight or a
                number of patients out of range.
        """
        if weights.shape != self._sums.shape or weights.dtype != np.float32:
            raise FedchemoError("FC305", f"an update holds {weights.size} weights, not {self._sums.size}")
        if examples < 1 or self._examples + examples > MOST_EXAMPLES:
            raise FedchemoError("FC403", f"{self._examples} + {examples} patients, at most {MOST_EXAMPLES}")
        largest = max(float(weights.max(initial=0.0)), -float(weights.min(initial=0.0)))
        if not largest < LARGEST_WEIGHT:  # also true of NaN
            code = "FC403" if np.isfinite(weights).all() else "FC305"
            raise FedchemoError(code, f"an update holds a weight beyond {LARGEST_WEIGHT:.0f} or not finite")
        for start in range(0, len(weights), BLOCK):
            block = slice(start, start + BLOCK)
            scaled = weights[block].astype(np.float64)
            scaled *= SCALE
            integers = np.rint(scaled, out=scaled).astype(np.int64)
            integers *= examples
            self._sums[block] += integers
        self._examples += examples

    def mean(self) -> Weights:
        """Return the weighted mean, float32 (size,).

        Raises:
            ValueError: if nothing was added.
        """
        if not self._examples:
            msg = "the mean of no updates"
            raise ValueError(msg)
        mean: npt.NDArray[np.float32] = np.empty(len(self._sums), dtype=np.float32)
        for start in range(0, len(mean), BLOCK):
            block = slice(start, start + BLOCK)
            mean[block] = self._sums[block] / (SCALE * self._examples)
        return mean
