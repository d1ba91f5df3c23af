"""Figures with their intervals, one below the other: a row a hospital, method or group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.report.figure import Axis, Dots, Figure, Role, Table
from fedchemo.simulations.report.words import cell

APART, MOST = 0.22, 0.6
"""Distance of two series in a row, and of the first from the last at most, in rows."""


@dataclass(frozen=True)
class Row:
    """A row: its name, and an interval for each series that has one here."""

    name: str
    intervals: tuple[tuple[str, Interval], ...]


def forest(
    *,
    key: str,
    title: str,
    x: str,
    rows: Sequence[Row],
    roles: Mapping[str, Role],
    caption: str,
    table: Table,
    differences: bool = False,
    chance: tuple[float, ...] = (0.5,),
    rules: tuple[float, ...] = (),
) -> Figure:
    """Return the figure.

    Args:
        key: its name in files.
        title: above it.
        x: what is measured.
        rows: from top to bottom.
        roles: series -> colour, in the order of the legend; the baseline is hollow.
        caption: below it.
        table: the numbers.
        differences: around 0, not AUCs.
        chance: where a line shows what a coin toss would reach; none for differences.
        rules: thin lines beside that of chance, or of no difference.
    """
    places = {row.name: float(len(rows) - 1 - place) for place, row in enumerate(rows)}
    marks = []
    for series, role in roles.items():
        found = [
            (row, interval, places[row.name] + _shift(row, series))
            for row in rows
            for name, interval in row.intervals
            if name == series
        ]
        if found:
            marks.append(
                Dots(
                    series,
                    [interval.value for _, interval, _ in found],
                    [place for _, _, place in found],
                    [interval.low for _, interval, _ in found],
                    [interval.high for _, interval, _ in found],
                    role,
                    hollow=role == "baseline",
                    words=tuple(f"{row.name}: {cell(interval)}" for row, interval, _ in found),
                )
            )
    drawn = (*((0.0,) if differences else chance), *rules)
    series_most = max(len(row.intervals) for row in rows)
    return Figure(
        key=key,
        title=title,
        x=Axis(x, _range(marks, drawn, differences=differences), rules=drawn),
        y=Axis("", (-0.7, len(rows) - 0.3), ticks={place: name for name, place in places.items()}),
        marks=tuple(marks),
        caption=caption,
        description=f"{title}: {'; '.join(word for mark in marks for word in mark.words)}.",
        table=table,
        rows=round(len(rows) * max(1.0, series_most / 2)),
        wide=True,
    )


def _shift(row: Row, series: str) -> float:
    names = [name for name, _ in row.intervals]
    if len(names) < 2:
        return 0.0
    spread = min(MOST, APART * (len(names) - 1))
    return spread / 2 - spread * names.index(series) / (len(names) - 1)


def _range(marks: Sequence[Dots], rules: Sequence[float], *, differences: bool) -> tuple[float, float]:
    """Return an axis that holds every interval and rule; that of AUCs ends at 1 and begins below chance."""
    lows = [*rules, *(low for mark in marks for low in mark.low)]
    if not differences:
        return math.floor(10 * min(0.45, *lows)) / 10, 1
    highs = [*rules, *(high for mark in marks for high in mark.high)]
    room = 0.06 * (max(highs) - min(lows))
    return min(lows) - room, max(highs) + room
