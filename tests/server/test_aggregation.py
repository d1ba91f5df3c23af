"""The exact mean: any order gives the same bits, and it is the weighted mean."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fedchemo.server.aggregation import ALIGNED_BITS, BLOCK, LARGEST_WEIGHT, MOST_EXAMPLES, FixedPointMean
from fedchemo.shared.errors import FedchemoError

UPDATE = arrays(np.float32, 7, elements=st.floats(-100, 100, width=32))
UPDATES = st.lists(st.tuples(UPDATE, st.integers(1, 500)), min_size=1, max_size=4)


def mean(updates):
    total = FixedPointMean(7)
    for weights, examples in updates:
        total.add(weights, examples)
    return total.mean()


@given(UPDATES)
def test_replies_in_any_order_give_the_same_bits(updates):
    first = mean(updates)
    assert all(mean(order).tobytes() == first.tobytes() for order in itertools.permutations(updates))


@given(UPDATES)
def test_it_is_the_weighted_mean(updates):
    expected = np.average(
        [weights.astype(float) for weights, _ in updates], axis=0, weights=[n for _, n in updates]
    )
    np.testing.assert_allclose(mean(updates), expected, atol=2.0**-32, rtol=2.0**-23)


def test_the_range_it_promises_does_not_overflow():
    largest = np.nextafter(np.float32(LARGEST_WEIGHT), np.float32(0))
    total = FixedPointMean(7)
    total.add(np.full(7, largest, dtype=np.float32), MOST_EXAMPLES)
    assert (total.mean() == largest).all()


@pytest.mark.parametrize(
    ("weights", "examples", "code"),
    [
        (np.full(7, LARGEST_WEIGHT, np.float32), 1, "FC403"),
        (np.full(7, np.nan, np.float32), 1, "FC305"),
        (np.full(7, -np.inf, np.float32), 1, "FC305"),
        (np.zeros(8, np.float32), 1, "FC305"),
        (np.zeros(7, np.float64), 1, "FC305"),
        (np.zeros(7, np.float32), 0, "FC403"),
        (np.zeros(7, np.float32), MOST_EXAMPLES, "FC403"),
    ],
)
def test_what_cannot_be_added_changes_nothing(weights, examples, code):
    total = FixedPointMean(7)
    total.add(np.ones(7, np.float32), 3)
    with pytest.raises(FedchemoError, match=code):
        total.add(weights, examples)
    assert total.examples == 3
    assert (total.mean() == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0**14])
@pytest.mark.parametrize("place", [0, BLOCK, 3 * BLOCK - 1])
def test_what_was_added_before_a_bad_weight_is_taken_back(bad, place):
    """Weights are looked at block by block as they are added."""
    good = np.random.default_rng(0).normal(size=3 * BLOCK).astype(np.float32)
    damaged = np.random.default_rng(1).normal(size=3 * BLOCK).astype(np.float32)
    damaged[place] = bad
    mean = FixedPointMean(len(good))
    mean.add(good, 7)
    before = mean.mean()
    with pytest.raises(FedchemoError):
        mean.add(damaged, 5)
    assert mean.examples == 7
    np.testing.assert_array_equal(mean.mean(), before)


@given(st.floats(-(2.0**13), 2.0**13, width=32), st.integers(1, 2**16))
def test_both_ways_of_rounding_give_the_same_integers(weight, examples):
    """Small sums are rounded by the addition of a large number, others by rint."""
    mean = FixedPointMean(1)
    mean.add(np.array([weight], dtype=np.float32), examples)
    assert int(mean._sums[0] - ALIGNED_BITS) == round(float(np.float32(weight)) * examples * 2**32)
