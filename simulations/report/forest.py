"""Figures with their intervals, one below the other: a row a hospital, method or group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.report.figure import Axis, Dots, Figure, Role, Table
from fedchemo.simulations.report.words import cell

SPREAD = 0.28
"""How much of a row's height the series in it share."""


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
    rules: tuple[float, ...] = (),
) -> Figure:
    """Return the figure.

    Args:
        key: its name in files.
        title: above it.
        x: what is measured.
        rows: from top to bottom.
        roles: series -> colour, in the order of the legend; a second series is hollow.
        caption: below it.
        table: the numbers.
        differences: around 0, not AUCs.
        rules: thin lines beside that of chance, or of no difference.
    """
    places = {row.name: float(len(rows) - 1 - place) for place, row in enumerate(rows)}
    marks = []
    for order, (series, role) in enumerate(roles.items()):
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
                    hollow=order % 2 == 1,
                    words=tuple(f"{row.name}: {cell(interval)}" for row, interval, _ in found),
                )
            )
    lows = [low for mark in marks for low in mark.low]
    return Figure(
        key=key,
        title=title,
        x=Axis(
            x,
            None if differences else (math.floor(10 * min([0.45, *lows])) / 10, 1),
            rules=(0.0 if differences else 0.5, *rules),
        ),
        y=Axis("", (-0.7, len(rows) - 0.3), ticks={place: name for name, place in places.items()}),
        marks=tuple(marks),
        caption=caption,
        description=f"{title}: {'; '.join(word for mark in marks for word in mark.words)}.",
        table=table,
        rows=len(rows),
        wide=True,
    )


def _shift(row: Row, series: str) -> float:
    names = [name for name, _ in row.intervals]
    if len(names) < 2:
        return 0.0
    return SPREAD / 2 - SPREAD * names.index(series) / (len(names) - 1)
