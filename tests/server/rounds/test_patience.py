"""How long an exchange waits for the last sites, and what it remembers for that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.server.rounds.patience import RECALLED, Patience, is_slow

SECONDS = st.floats(0.001, 1e5)


def patience(**took: list[float]) -> Patience:
    made = Patience(factor=4.0, floor_s=60.0)
    for site, seconds in took.items():
        for each in seconds:
            made.note("train", site, each)
    return made


def test_a_site_that_never_answered_is_waited_for_until_the_deadline():
    assert patience(a=[100.0]).limit("train", ["a", "b"]) == float("inf")
    assert patience(a=[100.0]).limit("evaluate", ["a"]) == float("inf"), "each kind of exchange for itself"


def test_the_slowest_site_that_is_missing_decides():
    known = patience(quick=[1.0], slow=[100.0])
    assert known.limit("train", ["quick"]) == 60.0, "never less than the floor"
    assert known.limit("train", ["quick", "slow"]) == 400.0
    assert known.limit("train", []) == 0.0


@given(st.lists(SECONDS, min_size=RECALLED, max_size=20), SECONDS)
def test_one_odd_round_changes_a_limit_by_no_more_than_the_neighbouring_times(took, odd):
    last = sorted(took[-(RECALLED - 1) :])
    limit = patience(a=[*took, odd]).limit("train", ["a"])
    assert max(60.0, 4 * last[1]) <= limit <= max(60.0, 4 * last[2])


def test_a_site_that_became_slower_is_known_as_such_by_its_late_replies():
    known = patience(a=[20.0] * RECALLED)
    limits = []
    for _ in range(3):
        known.note_silent("a")
        known.note("train", "a", 200.0)  # late
        limits.append(known.limit("train", ["a"]))
    assert limits == [80.0, 80.0, 800.0]


def test_what_hangs_does_not_cost_every_round_the_same_again():
    known = patience(a=[1000.0])
    known.note_silent("a")
    known.note_silent("new")
    assert known.limit("train", ["a", "new"]) == 60.0
    known.note_heard("new")
    assert known.limit("train", ["new"]) == float("inf")


def test_it_is_recalled_from_the_events_of_an_interrupted_run():
    def event(name, **more):
        return {"event": name, "kind": "train", "site": "a", "round": 1, **more}

    made = Patience(factor=4.0, floor_s=60.0)
    made.recall(
        [
            event("site_answered", seconds=100.0),
            event("site_silent", online=True, seconds=400.0),
            event("late_reply", seconds=500.0),
            event("site_silent", online=False, seconds=1.0),
            event("site_failed", code="FC901", seconds=1.0),
        ]
    )
    assert made.limit("train", ["a"]) == 4 * 300.0
    made.recall([event("site_silent", online=True, seconds=1.0)])
    assert made.limit("train", ["a"]) == 60.0
    made.recall([{"event": "resumed"}])
    assert made.limit("train", ["a"]) == 1200.0, "its old work is void"


@pytest.mark.parametrize(
    ("seconds", "usual", "slow"),
    [(9.0, None, False), (0.9, 0.1, False), (21.0, 10.0, True), (19.0, 10.0, False)],
)
def test_slow_is_said_of_what_takes_far_longer_than_usual(seconds, usual, slow):
    assert is_slow(seconds, usual) is slow
