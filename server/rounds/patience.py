"""How long an exchange waits for the last sites once the quorum has answered: by what each of them took before.

A site's training takes about as long in one round as in the next. One that is several times beyond its own usual time
hangs, or shares its computer, and the others need not wait for it until the deadline.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from typing import cast

from fedchemo.server.events import Event

RECALLED = 5
"""Answers of a site that its usual time is taken from: it has settled after three rounds when a site becomes slower."""

SLOW, SLOW_S = 2.0, 1.0
"""Times its usual time from which a site is called slow, and seconds beyond it that are nobody's concern."""


def is_slow(seconds: float, usual: float | None) -> bool:
    """Tell whether a site took far longer than it usually does, if that is known."""
    return usual is not None and seconds > max(SLOW * usual, usual + SLOW_S)


class Patience:
    """Remembers how long each site took for each kind of exchange, by the coordinator's own clock.

    A site's usual time is the median of its last five answers, so that one odd round changes nothing. It is waited for
    until ``factor`` times that, and ``floor_s`` at least. A site that has not answered this kind of exchange before is
    waited for until the deadline. A site that left its last request unanswered, and has not been heard of since, is
    waited for ``floor_s`` long: what hangs need not cost every round the same again.

    Args:
        factor: how many times its usual time a site may take.
        floor_s: seconds that every site may take.
    """

    def __init__(self, *, factor: float, floor_s: float) -> None:
        self._factor, self._floor_s = factor, floor_s
        self._took: dict[tuple[str, str], deque[float]] = {}
        self._owing: set[str] = set()

    def recall(self, events: Iterable[Event]) -> None:
        """Learn from a run's earlier events what was known when it was interrupted."""
        for event in events:
            match event["event"]:
                case "site_answered" | "late_reply":
                    self.note(str(event["kind"]), str(event["site"]), cast("float", event["seconds"]))
                case "site_failed":
                    self.note_heard(str(event["site"]))
                case "site_silent" if event.get("online", True):
                    self.note_silent(str(event["site"]))
                case "resumed":  # the sites' old work is void, and they may have been restarted
                    self._owing.clear()

    def note(self, kind: str, site: str, seconds: float) -> None:
        """Note an answer, in time or late."""
        self._took.setdefault((kind, site), deque(maxlen=RECALLED)).append(seconds)
        self.note_heard(site)

    def note_heard(self, site: str) -> None:
        """Note that a site has nothing unanswered in hand."""
        self._owing.discard(site)

    def note_silent(self, site: str) -> None:
        """Note that an exchange ended without a site's answer."""
        self._owing.add(site)

    def usual(self, kind: str, site: str) -> float | None:
        """Return the seconds that a site usually takes; None if it has never answered."""
        took = self._took.get((kind, site))
        return statistics.median(took) if took else None

    def limit(self, kind: str, sites: Iterable[str]) -> float:
        """Return the seconds since its beginning until which an exchange waits for these sites; may be infinite."""
        return max((self._limit(kind, site) for site in sites), default=0.0)

    def _limit(self, kind: str, site: str) -> float:
        if site in self._owing:
            return self._floor_s
        usual = self.usual(kind, site)
        return float("inf") if usual is None else max(self._floor_s, self._factor * usual)
