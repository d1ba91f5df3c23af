"""The hours in which requests are answered."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.policy.hours import DAYS, is_open, parse_spans

MONDAY = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - local time of nowhere


def at(day, hour, minute=0):
    return MONDAY + dt.timedelta(days=DAYS.index(day), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at("Mon", 18, 59), False),
        (at("Mon", 19), True),
        (at("Tue", 6, 59), True),
        (at("Tue", 7), False),
        (at("Fri", 23), True),
        (at("Sat", 3), True),  # Friday's night
        (at("Sat", 19), False),
        (at("Sun", 3), False),
        (at("Mon", 3), False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, expected):
    assert is_open(["Mon-Fri 19:00-07:00"], moment) is expected


def test_spans_add_up_and_weeks_wrap():
    hours = ["Sat-Mon 00:00-24:00", "Wed 12:00-13:00"]
    told = [day for day in DAYS if is_open(hours, at(day, 12))]
    assert told == ["Mon", "Wed", "Sat", "Sun"]


@given(st.integers(0, 7 * 24 * 60 - 1))
def test_a_span_and_its_complement_cover_every_minute_once(minute):
    moment = MONDAY + dt.timedelta(minutes=minute)
    assert is_open(["08:00-20:00"], moment) != is_open(["20:00-08:00"], moment)
    assert is_open("always", moment)
    assert not is_open([], moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8:00-9:00",
        "08:00-08:00",
        "24:00-08:00",
        "08:60-09:00",
        "Mo 08:00-09:00",
        "08:00-09:00 Mon",
        "08:00-25:00",
    ],
)
def test_what_is_no_span(text):
    with pytest.raises(ValueError, match="is no span"):
        parse_spans([text])
