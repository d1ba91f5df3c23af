"""When phases were taken: the first clock of a header that can be believed for all of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from fedchemo.client.importing.dicom.header import Frame
from fedchemo.client.importing.dicom.phases import SHORTEST_S, Phase, around_midnight

# Two phases of one examination are never this close; what is, was stamped when files were written.
_CLOSEST_S = 4.0


@dataclass(frozen=True)
class Clock:
    """A clock and what it says.

    Attributes:
        name: the attribute of DICOM.
        seconds: one a phase.
        of_day: whether it counts from midnight, so that it can be compared with the time of the injection.
    """

    name: str
    seconds: tuple[float, ...]
    of_day: bool


def clock(phases: Sequence[Phase]) -> Clock | None:
    """Return the clock that tells phases apart, or None if none does.

    ContentTime is asked first; where it repeats or spans under a minute, TriggerTime (of a single series only: each
    series starts its own), then AcquisitionTime, AcquisitionTime and TriggerTime together, and SeriesTime.
    """
    content = around_midnight([_earliest(phase, "content") for phase in phases])
    acquisition = around_midnight([_earliest(phase, "acquisition") for phase in phases])
    series = around_midnight([_earliest(phase, "series") for phase in phases])
    trigger = [_earliest(phase, "trigger") for phase in phases]
    one_series = len({phase.stack.series.uid for phase in phases}) == 1
    proposals: list[tuple[str, list[float | None], bool]] = [("ContentTime", content, True)]
    if one_series:
        proposals.append(("TriggerTime", [None if ms is None else ms / 1000 for ms in trigger], False))
    proposals.append(("AcquisitionTime", acquisition, True))
    if not one_series:
        both = [
            None if start is None else start + (ms or 0) / 1000
            for start, ms in zip(acquisition, trigger, strict=True)
        ]
        proposals += [("AcquisitionTime and TriggerTime", both, True), ("SeriesTime", series, True)]
    for name, seconds, of_day in proposals:
        known = [second for second in seconds if second is not None]
        if len(known) == len(phases) and _is_sound(phases, known):
            return Clock(name, tuple(known), of_day)
    return None


def begins(phase: Phase) -> float | None:
    """Return when a phase was taken, by the first clock there is, to order series by."""
    for name in ("acquisition", "content", "series"):
        if (found := _earliest(phase, name)) is not None:
            return found
    return None


def _earliest(phase: Phase, name: str) -> float | None:
    """Return the earliest time of a phase's images; None if one of them has none."""
    read = [_read(image.frame, name) for image in phase.images]
    known = [second for second in read if second is not None]
    if not known or len(known) < len(read):
        return None
    return min(second for second in around_midnight(known) if second is not None)


def _read(frame: Frame, name: str) -> float | None:
    found: float | None = getattr(frame, name)
    return found


def _is_sound(phases: Sequence[Phase], seconds: Sequence[float]) -> bool:
    """Tell whether times can be those of phases: apart, over a minute in all, and rising within each stack."""
    ordered = sorted(seconds)
    if ordered[-1] - ordered[0] < SHORTEST_S:
        return False
    if any(later - earlier < _CLOSEST_S for earlier, later in itertools.pairwise(ordered)):
        return False
    pairs = list(zip(phases, seconds, strict=True))
    return all(
        (one.order < other.order) == (first < second)
        for one, first in pairs
        for other, second in pairs
        if one is not other and one.stack is other.stack
    )
