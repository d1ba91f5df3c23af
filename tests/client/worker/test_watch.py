"""Silence is a hang by what steps took before, and only while the client itself was awake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.worker.watch import MOST_AT_ONCE_S, TIMES_THE_LONGEST, Watch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def silent(watch, clock, seconds, *, step=0.5):
    """Let seconds go by as the client sees them; return whether it is a hang by then."""
    hung = False
    for _ in range(round(seconds / step)):
        clock.now += step
        hung = watch.tick()
    return hung


def test_silence_beyond_the_limit_is_a_hang(clock):
    watch = Watch(10, clock=clock)
    assert not silent(watch, clock, 10)
    assert silent(watch, clock, 0.5)
    watch.progress()
    assert not silent(watch, clock, 10)


def test_steps_that_are_slow_from_the_start_are_none(clock):
    watch = Watch(10, clock=clock)
    silent(watch, clock, 8)
    watch.progress()
    assert watch.limit_s == pytest.approx(8 * TIMES_THE_LONGEST)
    assert not silent(watch, clock, 79)
    assert silent(watch, clock, 2)


def test_waiting_for_a_person_is_no_step(clock):
    watch = Watch(10, clock=clock)
    silent(watch, clock, 9)
    watch.begin()
    assert watch.limit_s == 10
    assert not silent(watch, clock, 10)


def test_without_a_limit_nothing_is_a_hang(clock):
    assert not silent(Watch(0, clock=clock), clock, 10_000)


@given(st.floats(min_value=MOST_AT_ONCE_S, max_value=1e7))
def test_a_client_that_was_halted_itself_does_not_blame_its_worker(seconds):
    clock = Clock()
    watch = Watch(10, clock=clock)
    clock.now += seconds
    assert not watch.tick()
    assert watch.silent_s <= MOST_AT_ONCE_S
