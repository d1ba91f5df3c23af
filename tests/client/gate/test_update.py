"""An update at the gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.gate.update import BLOCK, clipped
from fedchemo.shared.errors import FedchemoError


def vectors(size, scale=1.0, seed=0):
    draw = np.random.default_rng(seed)
    received = draw.normal(size=size).astype(np.float32)
    return received + (scale * draw.normal(size=size)).astype(np.float32), received


@pytest.mark.parametrize("size", [1, 7, BLOCK, 3 * BLOCK + 1])
def test_an_update_within_the_bound_leaves_to_the_bit(size):
    weights, received = vectors(size)
    exact = float(np.linalg.norm(weights.astype(np.float64) - received))
    before = weights.tobytes()
    for largest in (exact * 1.0001, exact * 10, float("inf")):
        leaving, norm = clipped(weights, received, largest=largest)
        assert leaving is weights
        assert weights.tobytes() == before
        assert norm == pytest.approx(exact, rel=1e-4)


@given(st.integers(1, 2000), st.floats(1e-3, 100), st.floats(0.01, 0.99), st.integers(0, 10))
def test_a_longer_update_is_cut_to_the_bound_and_keeps_its_direction(size, scale, share, seed):
    weights, received = vectors(size, scale, seed)
    update = weights.astype(np.float64) - received
    exact = float(np.linalg.norm(update))
    leaving, norm = clipped(weights, received, largest=share * exact)
    assert norm == pytest.approx(exact)
    assert leaving.dtype == np.float32
    sent = leaving.astype(np.float64) - received
    # Each weight is rounded to float32 once more.
    rounding = float(np.linalg.norm(np.spacing(np.abs(leaving))))
    assert np.linalg.norm(sent) <= share * exact + rounding
    np.testing.assert_allclose(sent, share * update, atol=float(np.spacing(np.abs(leaving)).max()))


def test_an_update_near_the_bound_is_measured_exactly():
    weights, received = vectors(2 * BLOCK)
    exact = float(np.linalg.norm(weights.astype(np.float64) - received))
    assert clipped(weights, received, largest=exact * (1 + 1e-12))[0] is weights
    assert clipped(weights, received, largest=exact * (1 - 1e-9))[0] is not weights


def test_weights_so_large_that_their_squares_are_beyond_float32():
    received = np.zeros(3, np.float32)
    leaving, norm = clipped(np.full(3, 1e30, np.float32), received, largest=2.0)
    assert norm == pytest.approx(np.sqrt(3) * 1e30)
    assert np.linalg.norm(leaving) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "weights",
    [
        np.array([1, np.nan], np.float32),
        np.array([1, np.inf], np.float32),
        np.array([1, -np.inf], np.float32),
        np.zeros(2, np.float64),
        np.zeros(3, np.float32),
        np.zeros((2, 1), np.float32),
    ],
)
@pytest.mark.parametrize("largest", [1.0, float("inf")])
def test_what_is_no_update_does_not_leave(weights, largest):
    with pytest.raises(FedchemoError, match="FC902"):
        clipped(weights, np.zeros(2, np.float32), largest=largest)
