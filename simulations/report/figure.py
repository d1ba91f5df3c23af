"""A figure as what it shows: marks on two axes, words and a table, drawn alike on the page and for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Role: TypeAlias = Literal[
    "ink", "muted", "line", "model", "baseline", "reference", "green", "violet", "teal", "brown"
]
COLOURS: dict[Role, str] = {
    "ink": "#1d2126",
    "muted": "#5b636d",
    "line": "#d9dce0",
    "model": "#1f6fc4",
    "baseline": "#d9782d",
    "reference": "#7d8894",
    "green": "#2a8a57",
    "violet": "#8557b5",
    "teal": "#11888f",
    "brown": "#8f6236",
}
"""On white paper; the page has the same by name as variables, and others for a dark screen."""
SERIES: tuple[Role, ...] = ("model", "baseline", "green", "violet", "teal", "brown")
"""Colours of things that are told apart by nothing else."""

Values: TypeAlias = Sequence[float]


@dataclass(frozen=True)
class Line:
    """A line, with a band if ``low`` and ``high`` are given; one that is not ``named`` is not in the legend."""

    name: str
    x: Values
    y: Values
    role: Role = "model"
    low: Values = ()
    high: Values = ()
    dashed: bool = False
    thin: bool = False
    marked: bool = False
    named: bool = True


@dataclass(frozen=True)
class Dots:
    """Points with intervals along one axis."""

    name: str
    x: Values
    y: Values
    low: Values
    high: Values
    role: Role = "model"
    along: Literal["x", "y"] = "x"
    hollow: bool = False
    words: tuple[str, ...] = ()
    """What each point says when it is pointed at."""


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, put end to end with those of the same place."""

    name: str
    places: Values
    values: Values
    role: Role = "model"


@dataclass(frozen=True)
class Heat:
    """A value for each pair of row and column, which may be unknown."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    middle: float
    reach: float
    """The colours span ``middle`` +- ``reach``."""


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        title: what it measures.
        range: from, to; None fits the marks.
        ticks: place -> words, instead of numbers.
        percent: numbers are shares.
        whole: only whole numbers.
        rules: where a thin line crosses the figure, such as "no difference".
    """

    title: str
    range: tuple[float, float] | None = None
    ticks: dict[float, str] = field(default_factory=dict)
    percent: bool = False
    whole: bool = False
    rules: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """The numbers of a figure or of a section: the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        key: its name in files and in the page.
        title: shown above it.
        x: horizontal axis.
        y: vertical axis.
        marks: drawn in this order.
        caption: how to read it, below it.
        description: what it shows, for those who cannot see it.
        table: the numbers in it.
        square: whether both axes have the same length.
        rows: of a figure with a row a thing: how many, which decides its height.
        wide: whether it takes the page's whole width.
    """

    key: str
    title: str
    x: Axis
    y: Axis
    marks: tuple[Line | Dots | Bars | Heat, ...]
    caption: str
    description: str
    table: Table
    square: bool = False
    rows: int = 0
    wide: bool = False
