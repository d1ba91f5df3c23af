"""A stack cut into phases: the same slices taken again and again.

What tells the phases apart is tried in the order in which it can be trusted in I-SPY2 and elsewhere: the temporal
position where it is sound, ContentTime, then (where that repeats or spans under a minute) TriggerTime, AcquisitionTime,
and at last the acquisition's and the image's number, which tell an order and no time.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.geometry import heights, levels_of, places_among
from fedchemo.client.importing.dicom.stacks import Image, Stack
from fedchemo.shared.errors import FedchemoError

# No two phases of a whole breast are taken within a minute; what spans less is when files were written.
SHORTEST_S = 59.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Phase:
    """One volume of a stack.

    Attributes:
        stack: it was cut from.
        order: from 0, in the stack.
        images: sorted along the normal.
        levels: their heights along the normal, mm.
        doubled: images left out since their place is taken, of which nobody knows which is right.
    """

    stack: Stack
    order: int
    images: tuple[Image, ...]
    levels: NDArray[np.float64]
    doubled: int = 0


@dataclass(frozen=True)
class Cut:
    """A stack's phases, and what told them apart; empty if there is only one."""

    phases: tuple[Phase, ...]
    by: str = ""


def cut(stack: Stack) -> Cut:
    """Cut a stack into phases, in order of time.

    Raises:
        FedchemoError: FC122 places are occupied more than once and nothing tells the phases apart.
    """
    tall = heights([image.frame for image in stack.images], stack.plane)
    levels = levels_of(tall)
    places = places_among(levels, tall)
    times = int(Counter(places.tolist()).most_common(1)[0][1])
    if times == 1:
        return Cut((_phase(stack, 0, list(range(len(tall))), tall),))
    for name, groups in _proposals(stack.images, places.tolist(), len(levels)):
        if _is_sound(groups, places, times, len(levels)):
            found = tuple(_phase(stack, order, group, tall) for order, group in enumerate(groups))
            return Cut(found, name)
    if doubled := _doubled(stack, places, tall, times):
        return doubled
    what = (
        f"the {len(tall)} images lie in {len(levels)} places, and neither time nor number tells phases apart"
    )
    raise FedchemoError("FC122", what)


def _proposals(
    images: Sequence[Image], places: Sequence[int], slices: int
) -> list[tuple[str, list[list[int]]]]:
    """Return ways to group the images, the most trusted first."""
    frames = [image.frame for image in images]
    content = around_midnight([frame.content for frame in frames])
    acquisition = around_midnight([frame.acquisition for frame in frames])
    trigger = [None if frame.trigger is None else frame.trigger / 1000 for frame in frames]
    found = [("the temporal position", _grouped([frame.temporal for frame in frames]))]
    for name, clock in (("ContentTime", content), ("TriggerTime", trigger), ("AcquisitionTime", acquisition)):
        known = [second for second in clock if second is not None]
        if len(known) == len(clock) and max(known) - min(known) >= SHORTEST_S:
            found += [(name, _grouped(clock)), (name, _ranked(known, places))]
    found.append(("AcquisitionNumber", _grouped([frame.acquisition_number for frame in frames])))
    numbers = [frame.number for frame in frames]
    if None not in numbers and len(set(numbers)) == len(numbers):
        by_number = sorted(range(len(frames)), key=lambda index: numbers[index] or 0)
        if len(by_number) % slices == 0:
            blocks = [by_number[start : start + slices] for start in range(0, len(by_number), slices)]
            found += [("InstanceNumber", blocks)]
            repeats = len(by_number) // slices
            found += [("InstanceNumber", [by_number[start::repeats] for start in range(repeats)])]
    return found


def around_midnight(clock: Sequence[float | None]) -> list[float | None]:
    """Return a clock that does not jump back at midnight."""
    known = [second for second in clock if second is not None]
    if not known or max(known) - min(known) < _DAY_S / 2:
        return list(clock)
    return [None if second is None else second + _DAY_S * (second < _DAY_S / 2) for second in clock]


def _grouped(keys: Sequence[float | None]) -> list[list[int]]:
    """Group by equal keys, in their order; nothing if one is lacking."""
    if any(key is None for key in keys):
        return []
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    return [groups[key] for key in sorted(groups, key=lambda key: float(str(key)))]


def _ranked(clock: Sequence[float], places: Sequence[int]) -> list[list[int]]:
    """Group the first image of every place, the second of every place, and so on, if the groups do not overlap.

    For times that differ from slice to slice. A place that lacks an image would be counted wrongly from there on, so
    every place must have the same number of them.
    """
    at: dict[int, list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        at[place].append(index)
    if len({len(there) for there in at.values()}) != 1:
        return []
    ordered = [sorted(there, key=lambda index: clock[index]) for there in at.values()]
    groups = [list(group) for group in zip(*ordered, strict=True)]
    for earlier, later in itertools.pairwise(groups):
        if max(clock[index] for index in earlier) >= min(clock[index] for index in later):
            return []
    return groups


def _is_sound(groups: list[list[int]], places: NDArray[np.intp], times: int, slices: int) -> bool:
    """Tell whether groups can be phases: as many as the places are occupied, none with a place twice or half empty."""
    if len(groups) != times:
        return False
    return all(
        len(set(places[group].tolist())) == len(group) and 2 * len(group) >= slices for group in groups
    )


def _doubled(stack: Stack, places: NDArray[np.intp], tall: NDArray[np.float64], times: int) -> Cut | None:
    """Return the phases of a stack in which a few places are occupied once too often.

    The phases are then those of the clock that all but those few images agree on.
    """
    usual = int(np.median(list(Counter(places.tolist()).values())))
    if usual >= times:
        return None
    slices = len(set(places.tolist()))
    for name, groups in _proposals(stack.images, places.tolist(), slices):
        if len(groups) != usual or any(2 * len(group) < slices for group in groups):
            continue
        extra = [len(group) - len(set(places[group].tolist())) for group in groups]
        if sum(extra) * 10 > len(tall):
            continue
        found = []
        for order, (group, surplus) in enumerate(zip(groups, extra, strict=True)):
            _, first = np.unique(places[group], return_index=True)
            found.append(_phase(stack, order, [group[int(index)] for index in first], tall, surplus))
        return Cut(tuple(found), name)
    if usual == 1:
        _, first = np.unique(places, return_index=True)
        extra_images = len(tall) - len(first)
        if extra_images * 10 <= len(tall):
            return Cut((_phase(stack, 0, [int(index) for index in first], tall, extra_images),))
    return None


def _phase(
    stack: Stack, order: int, members: Sequence[int], tall: NDArray[np.float64], doubled: int = 0
) -> Phase:
    ordered = sorted(members, key=lambda index: tall[index])
    return Phase(stack, order, tuple(stack.images[index] for index in ordered), tall[ordered], doubled)
