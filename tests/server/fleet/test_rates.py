from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedchemo.server.fleet import rates
from fedchemo.server.fleet.rates import Buckets, Rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 20), st.integers(1, 10))
def test_no_more_pass_than_the_rate_allows(waits, burst, per_s):
    clock = Clock()
    buckets = Buckets(Rate(per_s, burst), clock=clock)
    passed = 0
    for wait in waits:
        clock.now += wait
        empty = buckets.empty("a")
        took = buckets.take("a")
        assert took is not empty
        passed += took
    assert passed <= burst + per_s * clock.now + 1e-6


def test_callers_do_not_share_a_bucket():
    buckets = Buckets(Rate(1, 1), clock=Clock())
    assert [buckets.take("a"), buckets.take("a"), buckets.take("b")] == [True, False, True]


def test_who_waits_may_ask_again_however_often_refused():
    clock = Clock()
    buckets = Buckets(Rate(1, 1), clock=clock)
    buckets.take("a")
    for _ in range(9):
        clock.now += 0.1
        assert not buckets.take("a")
    clock.now += 0.2
    assert buckets.take("a")


def test_callers_are_forgotten_when_there_are_many(monkeypatch):
    monkeypatch.setattr(rates, "MOST_CALLERS", 100)
    clock = Clock()
    buckets = Buckets(Rate(10, 10), clock=clock)
    for caller in range(1000):
        clock.now += 0.2
        buckets.take(caller)
    assert len(buckets._left) <= 101
