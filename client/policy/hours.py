"""The hours in which a hospital takes part: ``Mon-Fri 19:00-07:00`` and the like, in the machine's own time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
_SPAN = re.compile(
    r"(?:(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))? )?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)


@dataclass(frozen=True)
class Span:
    """Minutes of the day, ``begin`` included and ``end`` not; over midnight, ``days`` are those on which it begins."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, moment: dt.datetime) -> bool:
        """Tell whether a moment lies in it."""
        today, minute = moment.weekday(), moment.hour * 60 + moment.minute
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        begun_today = today in self.days and minute >= self.begin
        begun_yesterday = (today - 1) % 7 in self.days and minute < self.end
        return begun_today or begun_yesterday


def parse_spans(texts: Iterable[str]) -> tuple[Span, ...]:
    """Return spans from their texts: ``[Day[-Day] ]HH:MM-HH:MM``; without days every day.

    Raises:
        ValueError: naming the text that is none.
    """
    return tuple(_parse(text) for text in texts)


def is_open(hours: str | Iterable[str], moment: dt.datetime) -> bool:
    """Tell whether ``hours`` (``always`` or texts of spans) allow work at a moment of local time."""
    return hours == "always" or any(span.holds(moment) for span in parse_spans(hours))


def _parse(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    msg = f'{text!r:.60} is no span such as "Mon-Fri 19:00-07:00" or "20:00-24:00"'
    if not found:
        raise ValueError(msg)
    begin, end = (_minutes(found[name]) for name in ("begin", "end"))
    first, last = found["first"] or DAYS[0], found["last"] or found["first"] or DAYS[-1]
    if not {first, last} <= set(DAYS) or begin is None or end is None or begin in {end, DAY_MINUTES}:
        raise ValueError(msg)
    start, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7
    return Span(frozenset((start + day) % 7 for day in range(length + 1)), begin, end)


def _minutes(clock: str) -> int | None:
    hour, minute = int(clock[:2]), int(clock[3:])
    minutes = hour * 60 + minute
    return minutes if minute < 60 and minutes <= DAY_MINUTES else None
