"""Sites are drawn from names and the seed, whatever order they came online in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedchemo.server.rounds.drawing import draw

NAMES = [f"site{index}" for index in range(10)]


@given(st.permutations(NAMES), st.floats(0.01, 1.0), st.integers(0, 50))
def test_the_draw_depends_on_names_and_not_on_their_order(order, fraction, number):
    drawn = draw(order, seed=1, round_number=number, fraction=fraction)
    assert drawn == draw(NAMES, seed=1, round_number=number, fraction=fraction)
    assert drawn == sorted(set(drawn))
    assert 1 <= len(drawn) <= 10


def test_rounds_and_seeds_draw_differently():
    def draws(seed):
        return [tuple(draw(NAMES, seed=seed, round_number=n, fraction=0.3)) for n in range(20)]

    assert len(set(draws(0))) > 10
    assert draws(0) != draws(1)
    assert {site for drawn in draws(0) for site in drawn} == set(NAMES)


def test_all_sites_take_part_by_default():
    assert draw(reversed(NAMES), seed=0, round_number=1, fraction=1.0) == NAMES
