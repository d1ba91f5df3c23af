"""What ends soon: a warning in words, early enough to renew it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

WARNING_DAYS = 30
"""A hospital needs weeks to pass a new kit through its offices."""


def ending(what: str, until: datetime.datetime, now: datetime.datetime, *, remedy: str) -> Iterator[str]:
    """Yield a sentence if something ends within `WARNING_DAYS` or has ended.

    Args:
        what: what it is, with its article.
        until: the last moment at which it holds.
        now: the present.
        remedy: what to do, after "; ".
    """
    left = until - now
    if left < datetime.timedelta(0):
        yield f"{what} ended on {until.date()}; {remedy}"
    elif left <= datetime.timedelta(days=WARNING_DAYS):
        days = "today" if left.days < 1 else f"in {left.days} day{'s' * (left.days > 1)}"
        yield f"{what} ends {days}, on {until.date()}; {remedy}"
