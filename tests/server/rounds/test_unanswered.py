"""Late replies: only what was asked and given up can be late, and each once."""

from __future__ import annotations

from fedchemo.server.rounds import unanswered as module
from fedchemo.server.rounds.unanswered import LateReply, Unanswered


def test_a_late_reply_is_told_once_and_what_nobody_asked_never():
    kept = Unanswered()
    kept.note("m1", kind="train", round_number=3, site="a", sent=10.0)
    assert kept.owes("a")
    assert not kept.owes("b")
    came = {"m1": 14.5, "made up": 15.0}
    assert list(kept.came(came)) == [LateReply("train", 3, "a", 4.5)]
    assert list(kept.came(came)) == []
    assert not kept.owes("a")


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    kept = Unanswered()
    for number in range(5):
        kept.note(f"m{number}", kind="train", round_number=number, site=f"s{number}", sent=0.0)
    assert [kept.owes(f"s{number}") for number in range(5)] == [False, False, True, True, True]
