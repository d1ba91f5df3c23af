"""The right phases are taken, and why is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.importing.contract import Timing
from fedchemo.client.importing.nifti.phases import choose


@pytest.mark.parametrize(
    ("numbers", "times", "chosen"),
    [
        ([0, 1, 2], None, (0, 1, 2)),
        # A folder that was thinned after the table was made.
        ([0, 1, 2], [0, 80, 160, 240, 320, 400, 480], (0, 1, 2)),
        ([0, 2, 5], [0, 80, 160, 240, 320, 400], (0, 2, 5)),
        (range(7), [0, 80, 160, 240, 320, 400, 480], (0, 2, 6)),
        (range(6), [0, 365, 459, 547, 631, 719], (0, 1, 2)),
        # Both would be the last; early comes before late.
        (range(4), [0, 20, 40, 60], (0, 2, 3)),
        # Times are counted from the first phase.
        (range(4), [1000, 1140, 1290, 1440], (0, 1, 3)),
        (range(8), None, (0, 1, 5)),
        (range(4), None, (0, 1, 3)),
        ([0, 1, 6, 7], None, (0, 1, 6)),
        # Too few times to be of use.
        (range(7), [0, 80], (0, 1, 5)),
        # A table that lists fewer phases than there are.
        (range(6), [0, 100, 150, 440], (0, 2, 3)),
    ],
)
def test_the_phases_nearest_to_the_times_wanted_are_taken(numbers, times, chosen) -> None:
    choice = choose(list(numbers), times)
    assert choice is not None
    assert (choice.pre, choice.early, choice.late) == chosen


def test_other_times_may_be_wanted() -> None:
    times = [0, 60, 120, 180, 240, 300, 360]
    choice = choose(range(7), times, Timing(early_s=60, late_s=200))
    assert choice is not None
    assert (choice.early, choice.late, choice.times_s) == (1, 3, (60, 180))
    assert "60 s" in choice.why


@pytest.mark.parametrize("numbers", [[], [0], [0, 1], [1, 2, 3], [1, 2, 3, 4]])
def test_fewer_than_three_or_no_first_is_no_examination(numbers) -> None:
    assert choose(numbers) is None


def test_times_are_told_where_they_are_known() -> None:
    for count, times, known in ((3, [0, 90, 400], (90, 400)), (3, [0, 90, 400, 500], None), (5, None, None)):
        choice = choose(range(count), times)
        assert choice is not None
        assert choice.times_s == known


@given(st.sets(st.integers(0, 20), min_size=2, max_size=15), st.lists(st.floats(1, 300), max_size=20))
def test_pre_comes_before_early_before_late_and_all_are_there(numbers: set[int], steps: list[float]) -> None:
    numbers.add(0)
    times = [0.0]
    for step in steps:
        times.append(times[-1] + step)
    choice = choose(list(numbers), times)
    assert (choice is None) == (len(numbers) < 3)
    if choice is not None:
        assert 0 == choice.pre < choice.early < choice.late
        assert {choice.pre, choice.early, choice.late} <= numbers
