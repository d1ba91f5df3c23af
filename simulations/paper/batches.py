"""The order of batches as the published runs had it: one generator for all hospitals, and nothing of it in a round.

FLamby's loaders draw from torch's global generator, hospital after hospital, so that a hospital's order depends
on how often the others went through their patients. The study computes the whole schedule before the first round
and hands it in through the client's seam (`fedchemo.client.training.order`): a round stays a pure function.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader

Batches = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Schedule:
    """A `BatchOrder` that was drawn beforehand: (site, round) -> batches of row numbers."""

    batches: Mapping[tuple[str, int], Batches]

    def __call__(
        self, examples: int, batch_size: int, *, seed: int, site: str, round_number: int
    ) -> Iterator[Sequence[int]]:
        """Return the batches of a site's round; all else went into the schedule."""
        del examples, batch_size, seed
        return iter(self.batches[site, round_number])


def scheduled(
    sizes: Mapping[str, int], *, seed: int, rounds: int, steps: int, batch_size: int = 4
) -> Schedule:
    """Return the schedule of a run.

    Each hospital has one shuffling iterator for the whole run; it is made at its first batch, and anew when it is
    exhausted. What making it draws comes before ``torch.manual_seed`` in the published runs, so it is left out for
    the first one.

    Args:
        sizes: hospital -> training patients, in the order in which hospitals train.
        seed: of the one generator.
        rounds: rounds of the run.
        steps: batches a round; all hospitals the same.
        batch_size: patients a batch; the last one of a pass may be smaller.
    """
    drawn: dict[tuple[str, int], Batches] = {}
    with torch.random.fork_rng(devices=()):
        loaders = {name: _loader(size, batch_size) for name, size in sizes.items()}
        endless = {name: _endless(loader, iter(loader)) for name, loader in loaders.items()}
        torch.manual_seed(seed)
        for number in range(1, rounds + 1):
            for name, batches in endless.items():
                drawn[name, number] = list(itertools.islice(batches, steps))
    return Schedule(drawn)


def in_epochs(name: str, size: int, *, seed: int, epochs: int, batch_size: int = 4) -> Schedule:
    """Return the schedule of training without a federation: one round of so many epochs."""
    with torch.random.fork_rng(devices=()):
        loader = _loader(size, batch_size)
        torch.manual_seed(seed)
        return Schedule({(name, 1): [rows for _ in range(epochs) for rows in loader]})


def _loader(size: int, batch_size: int) -> DataLoader[Any]:
    return DataLoader(range(size), batch_size, shuffle=True, collate_fn=list)  # type: ignore[arg-type]


def _endless(loader: DataLoader[Any], first: Iterator[list[int]]) -> Iterator[list[int]]:
    yield from first
    while True:
        yield from iter(loader)
