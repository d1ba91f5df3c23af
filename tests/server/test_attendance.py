"""Who took part, counted from events."""

from __future__ import annotations

from fedchemo.server.attendance import NOTHING, attendance


def test_each_ending_of_an_exchange_counts_once_and_other_events_do_not():
    events = [
        {"event": "run_started"},
        {"event": "site_online", "site": "c"},
        {"event": "site_answered", "site": "b"},
        {"event": "site_answered", "site": "a"},
        {"event": "site_failed", "site": "a"},
        {"event": "site_silent", "site": "a", "online": True},
        {"event": "site_silent", "site": "b", "online": False},
        {"event": "late_reply", "site": "a"},
    ]
    counted = attendance(events)
    assert list(counted) == ["a", "b"]
    assert counted["a"] == {"answered": 1, "failed": 1, "silent": 1, "away": 0, "late": 1}
    assert counted["b"] == {**NOTHING, "answered": 1, "away": 1}
