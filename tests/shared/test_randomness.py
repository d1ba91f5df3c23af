"""Derived streams: the same purpose draws the same, another one differently."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.randomness import derive, numpy_stream, torch_stream

PARTS = st.lists(st.one_of(st.text(max_size=5), st.integers(0, 99)), max_size=4).map(tuple)


@given(st.integers(0, 2**62), PARTS, PARTS)
def test_purposes_are_told_apart(seed, first, second):
    assert (derive(seed, *first) == derive(seed, *second)) == (first == second)
    assert 0 <= derive(seed, *first) < 2**63


def test_parts_do_not_run_together():
    assert (
        len(
            {derive(0, "a", "bc"), derive(0, "ab", "c"), derive(0, "abc"), derive(0, "a", 1), derive(0, "a1")}
        )
        == 5
    )


def test_streams_repeat_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    assert torch.equal(
        torch.rand(3, generator=torch_stream(1, "x")), torch.rand(3, generator=torch_stream(1, "x"))
    )
    assert numpy_stream(1, "x").random() == numpy_stream(1, "x").random() != numpy_stream(1, "y").random()
    assert torch.equal(before, torch.get_rng_state())


def test_the_derivation_is_fixed():
    """A published run can be repeated only while this number stands."""
    assert derive(0, "AAI", 1, "batches") == 4336965258562826767
