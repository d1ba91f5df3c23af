"""Who took part in a run: how often each site answered, failed, was silent or away, or answered too late."""

from __future__ import annotations

from collections.abc import Iterable

from fedchemo.server.events import Event

COUNTED = {"site_answered": "answered", "site_failed": "failed", "late_reply": "late"}
"""Event -> what it counts as; ``site_silent`` is silent or away."""
NOTHING = {"answered": 0, "failed": 0, "silent": 0, "away": 0, "late": 0}


def attendance(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    """Return for each site how many exchanges ended for it in which way.

    A late reply is counted beside the failure or the silence that it followed: nothing else is done with it.
    """
    found: dict[str, dict[str, int]] = {}
    for event in events:
        kind = str(event["event"])
        if kind == "site_silent":
            way = "silent" if event.get("online", True) else "away"
        elif kind in COUNTED:
            way = COUNTED[kind]
        else:
            continue
        found.setdefault(str(event["site"]), dict(NOTHING))[way] += 1
    return dict(sorted(found.items()))
