"""The order in which a round visits patients: a seam, so that a study may bring its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from fedchemo.shared.path import steps_an_epoch
from fedchemo.shared.randomness import numpy_stream


class BatchOrder(Protocol):
    """Gives the batches of a round, as row numbers, for as long as it is asked.

    The loop stops by itself after the round's steps. An order that remembers where it stood in the round
    before makes a round depend on more than its request: then it is the study's to make that reproducible.
    """

    def __call__(
        self, examples: int, batch_size: int, *, seed: int, site: str, round_number: int
    ) -> Iterator[Sequence[int]]:
        """Return an iterator over batches of about ``batch_size`` of the rows 0 .. ``examples`` - 1."""
        ...


def derived_order(
    examples: int, batch_size: int, *, seed: int, site: str, round_number: int
) -> Iterator[Sequence[int]]:
    """Shuffle anew for each epoch, from the stream (seed, site, round, "batches").

    The batches of an epoch differ in size by one at most: a last batch of one patient would weigh that patient
    as much as a full batch weighs eight.
    """
    stream = numpy_stream(seed, site, round_number, "batches")
    while True:
        shuffled = stream.permutation(examples)
        for rows in np.array_split(shuffled, steps_an_epoch(examples, batch_size)):
            yield rows.tolist()
