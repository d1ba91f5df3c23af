"""Dates become days since the patient's T0: what lies between visits stays known, the calendar does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from typing import TypeVar

from fedchemo.shared.configuration import Visit

Patient = TypeVar("Patient", bound=Hashable)


def days_since_t0(
    dates: Mapping[tuple[Patient, Visit], dt.date | None],
) -> dict[tuple[Patient, Visit], int | None]:
    """Return for each patient and visit the days since the same patient's T0.

    Args:
        dates: day of each visit; None where it is unknown. A moment counts as its day.

    Returns:
        0 at T0, negative before it; None where the visit's or T0's day is unknown.
    """
    return {key: _days(dates.get((key[0], "T0")), date) for key, date in dates.items()}


def _days(first: dt.date | None, date: dt.date | None) -> int | None:
    if first is None or date is None:
        return None
    return (_day(date) - _day(first)).days


def _day(date: dt.date) -> dt.date:
    # A datetime is a date as well, but the two cannot be subtracted.
    return date.date() if isinstance(date, dt.datetime) else date
