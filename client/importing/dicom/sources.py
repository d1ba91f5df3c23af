"""Which phases of a study belong together: those on one grid, in one series or in several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.clocks import Clock, begins, clock
from fedchemo.client.importing.dicom.geometry import levels_of, same_plane
from fedchemo.client.importing.dicom.phases import Cut, Phase
from fedchemo.client.importing.dicom.roles import Hint, normalised

# Of two phases on one grid the corners lie within this, as the reader of site folders demands.
_SAME_PLACE_MM = 0.1
# A dynamic examination has one phase before and at least two after the contrast agent.
FEWEST = 3


@dataclass(frozen=True)
class Source:
    """Phases of one examination, on one grid, in order of time.

    Attributes:
        phases: of one or several series.
        by: what told apart the phases of a series that has several; empty if no series has.
        clock: when they were taken; None if no clock can be believed.
        levels: heights of all slices that any phase has, mm along the normal.
        same: how many phases were there twice.
    """

    phases: tuple[Phase, ...]
    by: str
    clock: Clock | None
    levels: NDArray[np.float64]
    same: int = 0

    @property
    def prepared(self) -> bool:
        """Whether it is I-SPY2's series of all phases, cut to the breast."""
        return all(phase.stack.series.role.prepared for phase in self.phases)

    @property
    def named(self) -> bool:
        """Whether the name of each series speaks for it."""
        return all(phase.stack.series.role.kind == "dynamic" for phase in self.phases)

    def hints(self) -> list[Hint]:
        """What the names of the series say of each phase; nothing for a series that holds several."""
        many = Counter(phase.stack.series.uid for phase in self.phases)
        return [
            phase.stack.series.role.hint if many[phase.stack.series.uid] == 1 else "" for phase in self.phases
        ]

    def series_uids(self) -> set[str]:
        """Identities of the series that the phases come from."""
        return {phase.stack.series.uid for phase in self.phases}


def sources(cuts: Sequence[Cut]) -> list[Source]:
    """Return what could be the dynamic examination of a study.

    A series of three phases or more stands for itself; with a series of one phase before it on the same grid if the
    name of the first is the same or says that the second comes after the contrast agent. (In I-SPY2 a series of all
    phases may be named ``POST`` or ``PRE``: only a second series makes the name mean something.) Series of one or two
    phases on the same grid are put together.
    """
    found = []
    for group in _grids(cuts):
        many = [cut for cut in group if len(cut.phases) >= FEWEST]
        few = [cut for cut in group if len(cut.phases) < FEWEST]
        for cut in many:
            before = [one for one in few if _is_pre_of(one, cut)]
            last = max(before, key=lambda one: begins(one.phases[0]) or 0.0, default=None)
            found.append(_source([*(last.phases if last else ()), *cut.phases], cut.by))
        together, same = _each_once([phase for cut in few for phase in cut.phases])
        if len(together) >= FEWEST:
            found.append(_source(together, next((cut.by for cut in few if cut.by), ""), same))
    return found


def _source(phases: Sequence[Phase], by: str, same: int = 0) -> Source:
    times = clock(phases)
    if times is not None:
        seconds = times.seconds
        order = sorted(range(len(phases)), key=lambda index: seconds[index])
        times = Clock(times.name, tuple(seconds[index] for index in order), times.of_day)
    else:
        order = sorted(range(len(phases)), key=lambda index: _rank(phases[index]))
    ordered = tuple(phases[index] for index in order)
    levels = levels_of(np.concatenate([phase.levels for phase in ordered]))
    return Source(ordered, by, times, levels, same)


def _rank(phase: Phase) -> tuple[bool, int, int]:
    """Return the order of phases whose time is unknown: those before contrast, then by the series' number."""
    series = phase.stack.series
    return series.role.hint != "pre", series.number or 0, phase.order


def _grids(cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Group by grid, the fullest first, so that one that lacks slices finds the others."""
    groups: list[list[Cut]] = []
    for cut in sorted(cuts, key=lambda one: -max(len(phase.levels) for phase in one.phases)):
        for group in groups:
            if _on_one_grid(group[0].phases[0], cut.phases[0]):
                group.append(cut)
                break
        else:
            groups.append([cut])
    return groups


def _on_one_grid(one: Phase, other: Phase) -> bool:
    first, second = one.stack, other.stack
    if (first.rows, first.columns) != (second.rows, second.columns):
        return False
    if not same_plane(first.plane, second.plane):
        return False
    axes = np.array([first.plane.row, first.plane.column])
    here, there = one.images[0].frame.position, other.images[0].frame.position
    beside = axes @ (np.array(here) - np.array(there))
    if np.abs(beside).max() > _SAME_PLACE_MM:
        return False
    near = np.abs(one.levels[:, None] - other.levels[None, :]).min(axis=0) <= _SAME_PLACE_MM
    return bool(2 * near.sum() > len(other.levels))


def _is_pre_of(one: Cut, many: Cut) -> bool:
    """Tell whether a series of one phase is the one before the contrast agent of a series of many."""
    if len(one.phases) != 1:
        return False
    single, series = one.phases[0].stack.series, many.phases[0].stack.series
    if single.role.hint == "post":
        return False
    alike = normalised(single.headers[0].series_description) == normalised(
        series.headers[0].series_description
    )
    if not (alike or series.role.hint == "post"):
        return False
    first, second = begins(one.phases[0]), begins(many.phases[0])
    if first is not None and second is not None:
        return first < second
    return (single.number or 0) < (series.number or 0)


def _each_once(phases: list[Phase]) -> tuple[list[Phase], int]:
    """Return phases without those that another series repeats with the same times."""
    stamps: dict[tuple[float | None, ...], Phase] = {}
    for phase in phases:
        frame = phase.images[0].frame
        key = (frame.content, frame.acquisition, frame.trigger, frame.temporal)
        stamps.setdefault(key, phase)
    # Where no time differs, stamps tell nothing, and all are kept.
    if len(stamps) < FEWEST:
        return phases, 0
    return list(stamps.values()), len(phases) - len(stamps)
