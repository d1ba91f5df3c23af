"""What is between visits stays, the calendar goes."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.importing.deidentification.days import days_since_t0


def test_days_are_counted_from_the_same_patients_t0() -> None:
    dates = {
        ("a", "T0"): dt.date(2020, 2, 28),
        ("a", "T1"): dt.date(2020, 3, 1),
        ("b", "T0"): dt.date(2021, 1, 1),
        ("b", "T3"): dt.date(2020, 12, 31),
    }
    assert days_since_t0(dates) == {("a", "T0"): 0, ("a", "T1"): 2, ("b", "T0"): 0, ("b", "T3"): -1}


def test_what_is_unknown_stays_unknown() -> None:
    dates = {
        ("a", "T0"): None,
        ("a", "T1"): dt.date(2020, 3, 1),
        ("b", "T1"): dt.date(2020, 3, 1),
        ("c", "T0"): dt.date(2020, 3, 1),
        ("c", "T1"): None,
    }
    assert [days for days in days_since_t0(dates).values() if days is not None] == [0]


def test_a_moment_counts_as_its_day() -> None:
    dates = {
        ("a", "T0"): dt.datetime(2020, 3, 1, 23, 59, tzinfo=dt.UTC),
        ("a", "T1"): dt.date(2020, 3, 2),
    }
    assert days_since_t0(dates)["a", "T1"] == 1


@given(st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1)), st.integers(-300, 300), st.integers(-9999, 9999))
def test_a_shift_of_all_dates_changes_nothing(first: dt.date, days: int, shift: int) -> None:
    dates = {("a", "T0"): first, ("a", "T2"): first + dt.timedelta(days)}
    shifted = {key: date + dt.timedelta(shift) for key, date in dates.items()}
    assert days_since_t0(dates) == days_since_t0(shifted) == {("a", "T0"): 0, ("a", "T2"): days}
