"""What is read of a run at the coordinator: who is waited for and until when, who was slow, late, new or gone."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fedchemo.server.view import RunView

TRAIN = {"kind": "train", "round": 3}


def said(*events) -> str:
    written = io.StringIO()
    view = RunView(Console(file=written, width=300))
    for event in events:
        view(event)
    return written.getvalue()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"event": "waiting", "online": ["a"], "quorum": 2, "missing": ["b"], "left_s": 595.0},
            ["2 sites", "595 s", "online: a", "missing: b"],
        ),
        (
            {"event": "awaiting_answers", **TRAIN, "answered": 2, "missing": ["c"], "left_s": 3000.0},
            ["train of round 3", "2 have answered", "waiting for c", "50 min"],
        ),
        ({"event": "wait_cut_short", **TRAIN, "sites": ["c"], "seconds": 61.0}, ["without c", "61 s"]),
        ({"event": "late_reply", **TRAIN, "site": "c", "seconds": 75.0}, ["c answered", "too late", "75 s"]),
        (
            {"event": "site_joined", "round": 4, "site": "d", "role": "train"},
            ["d joins in round 4", "trains"],
        ),
        ({"event": "site_removed", "site": "b"}, ["b may take part no more"]),
        ({"event": "site_silent", **TRAIN, "site": "b", "online": False}, ["b is not online"]),
        ({"event": "site_silent", **TRAIN, "site": "b", "online": True}, ["b did not answer"]),
        (
            {"event": "quorum_lost", "exchange": "round 3", "failures": {"b": "FC611"}, "tries_left": 4},
            ["round 3", "b FC611", "again"],
        ),
    ],
)
def test_each_event_is_said_in_a_line(event, words):
    line = said(event)
    assert [word for word in words if word not in line] == []


def test_many_names_are_one_line():
    missing = [f"site{number:03d}" for number in range(1000)]
    line = said({"event": "waiting", "online": [], "quorum": 1000, "missing": missing, "left_s": 1.0})
    assert "site007 and 992 more" in line
    assert len(line.splitlines()) == 1


def test_a_site_that_takes_longer_than_it_usually_does_is_shown_as_slow():
    written = io.StringIO()
    view = RunView(Console(file=written, width=200))
    reply = {"loss": None, "validation": None}
    view({"event": "site_answered", **TRAIN, "site": "a", "seconds": 42.0, "usual_s": 10.0, "reply": reply})
    view({"event": "site_answered", **TRAIN, "site": "b", "seconds": 9.0, "usual_s": 10.0, "reply": reply})
    Console(file=written, width=200).print(view._draw())
    assert "slow: 42 s, usually 10 s" in written.getvalue()
    assert "ready" in written.getvalue()
