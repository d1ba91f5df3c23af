"""The schedule is what loaders that share torch's global generator give, hospital after hospital."""

import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from fedchemo.simulations.paper.batches import in_epochs, scheduled
from tests.shared.model.made import untouched_generators

SIZES = {"a": 11, "b": 7, "c": 30}


def loaded(sizes, *, seed, rounds, steps):
    """As the published runs did it: in the rounds, with one global generator and iterators that live on."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nn.Linear(13, 1)
        loaders = {name: DataLoader(range(size), 4, shuffle=True) for name, size in sizes.items()}
        iterators = {name: iter(loader) for name, loader in loaders.items()}
        torch.manual_seed(seed)
        drawn = {}
        for number in range(1, rounds + 1):
            for name in sizes:
                drawn[name, number] = []
                for _ in range(steps):
                    try:
                        batch = next(iterators[name])
                    except StopIteration:
                        iterators[name] = iter(loaders[name])
                        batch = next(iterators[name])
                    drawn[name, number].append(batch.tolist())
    return drawn


def test_it_is_the_order_that_shared_loaders_give():
    told = scheduled(SIZES, seed=42, rounds=4, steps=5)
    assert dict(told.batches) == loaded(SIZES, seed=42, rounds=4, steps=5)


def test_a_hospitals_order_depends_on_the_others():
    alone = scheduled({"c": 30}, seed=42, rounds=2, steps=5)
    assert scheduled(SIZES, seed=42, rounds=2, steps=5).batches["c", 2] != alone.batches["c", 2]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 12))
def test_every_pass_visits_every_patient_once_across_rounds(size, batch, steps):
    told = scheduled({"a": size, "b": 5}, seed=1, rounds=6, steps=steps, batch_size=batch)
    rows = [row for number in range(1, 7) for one in told.batches["a", number] for row in one]
    for start in range(0, len(rows) - size + 1, size):
        assert sorted(rows[start : start + size]) == list(range(size))


def test_no_global_generator_moves_and_a_round_can_be_asked_again():
    with untouched_generators():
        told = scheduled(SIZES, seed=0, rounds=2, steps=3)
        epochs = in_epochs("a", 11, seed=0, epochs=2)
    asked = [list(told(11, 4, seed=0, site="a", round_number=2)) for _ in range(2)]
    assert asked[0] == asked[1] == told.batches["a", 2]
    rows = list(itertools.chain.from_iterable(epochs.batches["a", 1]))
    assert sorted(rows[:11]) == sorted(rows[11:]) == list(range(11))
