"""What a page consists of, whether it is about a run or a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.report.figure import Figure, Role, Table

State: TypeAlias = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Measure:
    """A row of the ruler on the first screen: an AUC with its interval."""

    name: str
    interval: Interval
    role: Role


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: where links go.
        title: its heading.
        words: paragraphs.
        figures: below them.
        tables: below those; each needs a caption.
    """

    key: str
    title: str
    words: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        kind: ``run`` or ``study``, in words for the line above the question.
        name: of the run or study.
        question: what was asked.
        state: whether there is an answer: good, or what is in its way.
        verdict: the answer in one sentence.
        answer: what a reader must know beside it, a paragraph each.
        limits: what it does not show, a sentence each.
        tiles: a number and what it counts.
        ruler: AUCs with intervals.
        sections: the rest.
        footer: where all of it comes from.
    """

    kind: str
    name: str
    question: str
    state: State
    verdict: str
    answer: tuple[str, ...]
    limits: tuple[str, ...]
    tiles: tuple[tuple[str, str], ...]
    ruler: tuple[Measure, ...]
    sections: tuple[Section, ...]
    footer: str

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in the order of the page."""
        return tuple(figure for section in self.sections for figure in section.figures)
