"""The exact weighted mean of updates: the same bits in whatever order they arrive, and flat memory.

Each update, times its number of patients, is rounded to multiples of 2^-32 and added to an int64 accumulator.
Integer addition is associative, so the order cannot matter; secure aggregation masks the same integers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.records import Weights

SCALE = 2.0**32
LARGEST_WEIGHT = 2.0**14
"""A weight beyond it means that training has diverged at that site."""
MOST_EXAMPLES = 2**17 - 1
"""Patients that a sum can hold: 2^14 * 2^32 * 2^17 = 2^63."""
EXACT = 2.0**51
ALIGNED = 1.5 * 2.0**52
ALIGNED_BITS = np.array(ALIGNED).view(np.int64)
BLOCK = 1 << 15
"""Weights handled at a time, so that temporaries stay in the processor's cache."""


class FixedPointMean:
    """Accumulates updates of ``size`` float32 weights, eight bytes of memory a weight."""

    def __init__(self, size: int) -> None:
        self._sums = np.zeros(size, dtype=np.int64)
        """Of what was added, plus `ALIGNED_BITS` for each update; modulo 2^64, as int64 counts."""
        self._updates = 0
        self._scaled = np.empty(min(size, BLOCK), dtype=np.float64)
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
        for block in _blocks(len(weights)):
            part, sums = weights[block], self._sums[block]
            largest = max(float(part.max()), -float(part.min()))
            if not largest < LARGEST_WEIGHT:  # also true of NaN
                # Take back what was added before it: the same integers, so that nothing is left of them.
                for before in _blocks(block.start):
                    self._sums[before] -= self._fixed(weights[before], examples)
                code = "FC403" if np.isfinite(weights).all() else "FC305"
                raise FedchemoError(
                    code, f"an update holds a weight beyond {LARGEST_WEIGHT:.0f} or not finite"
                )
            np.add(sums, self._fixed(part, examples, largest), out=sums)
        self._examples += examples
        self._updates += 1

    def _fixed(
        self, weights: Weights, examples: int, largest: float = LARGEST_WEIGHT
    ) -> npt.NDArray[np.int64]:
        """Return weights times patients as fixed-point integers, each plus `ALIGNED_BITS`; valid until the next.

        What ``largest`` says of the weights decides how they are converted and nothing of what they become.
        """
        scaled = self._scaled[: len(weights)]
        np.copyto(scaled, weights)
        # 24 bits of weight times 17 of patients: exact in the 53 of a float64, so only what follows rounds.
        scaled *= SCALE * examples
        if largest * SCALE * examples < EXACT:
            # Beside this number a float64 has no room for a fraction: the sum rounds to even as rint does, and its
            # low bits are the integer. Several times faster than converting.
            scaled += ALIGNED
            return scaled.view(np.int64)
        return np.rint(scaled, out=scaled).astype(np.int64) + ALIGNED_BITS

    def mean(self) -> Weights:
        """Return the weighted mean, float32 (size,).

        Raises:
            ValueError: if nothing was added.
        """
        if not self._examples:
            msg = "the mean of no updates"
            raise ValueError(msg)
        mean: npt.NDArray[np.float32] = np.empty(len(self._sums), dtype=np.float32)
        aligned = np.uint64(int(ALIGNED_BITS) * self._updates % 2**64).view(np.int64)
        for block in _blocks(len(mean)):
            scaled = self._scaled[: len(mean[block])]
            np.copyto(scaled, self._sums[block] - aligned)
            scaled /= SCALE * self._examples
            mean[block] = scaled
        return mean


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))
