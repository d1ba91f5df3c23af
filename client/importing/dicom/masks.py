"""Which segmentation outlines the lesion on a dynamic examination, and which mask is its functional tumour volume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.dicom.geometry import heights, places_among
from fedchemo.client.importing.dicom.header import Header
from fedchemo.client.importing.dicom.roles import normalised
from fedchemo.client.importing.dicom.sources import Source
from fedchemo.client.importing.dicom.stacks import Series, largest_stack

# By label, or by code: mass, lesion, neoplasm, malignant, primary (SNOMED CT, and its older form).
_LESION = re.compile(
    r"lesion|tumou?r|mass\b|cancer|neoplas|carcinoma|malignan|\bgtv\b|\bftv\b|\broi\b"
    r"|\b(108369006|4147007|52988006|86049000|367651003|372087000|m-?01100|m-?8000\d|m-?03000|f-?01785)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"breast|background|\bfgt\b|glandular|parenchyma|organ|heart|skin|chest|node|lymph|vessel|fat\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mask:
    """A segmentation file, and which of its segments count.

    Attributes:
        header: of the file.
        segments: their numbers; empty for all.
        slices: for a mask without geometry: the slice of the volume to which each frame belongs.
    """

    header: Header
    segments: tuple[int, ...] = ()
    slices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Masks:
    """What belongs to an examination.

    Attributes:
        taken: sentences.
        left: a sentence on each mask that was not taken, by the identity of its series.
        used: identities of the series that were taken.
    """

    lesion: Mask | None
    ftv: Mask | None
    taken: tuple[str, ...]
    left: dict[str, str]
    used: frozenset[str]


def masks(series: Sequence[Series], source: Source, levels: NDArray[np.float64]) -> Masks:
    """Return the masks of a source among the series of its study.

    Args:
        series: all of the study.
        source: the phases that were taken.
        levels: heights of the slices of the volume, in its order.
    """
    taken: list[str] = []
    left: dict[str, str] = {}
    lesion, by = _lesion(series, source, taken, left)
    ftv, of = _ftv(series, source, levels, taken, left)
    return Masks(lesion, ftv, tuple(taken), left, frozenset({by, of} - {""}))


def _lesion(
    series: Sequence[Series], source: Source, taken: list[str], left: dict[str, str]
) -> tuple[Mask | None, str]:
    known = source.series_uids()
    frame = source.phases[0].images[0].header.reference_frame
    found: list[tuple[tuple[bool, int], Series, Mask]] = []
    for one in series:
        if one.role.kind != "segmentation":
            continue
        header = one.headers[-1]
        drawn_on_it = bool(known.intersection(header.references))
        same_frame = bool(frame) and header.reference_frame == frame
        if not (drawn_on_it or same_frame or not (header.references or header.reference_frame)):
            left[one.uid] = f"{_start(one.name)}: a segmentation drawn on other images."
            continue
        segments = _segments_of(header)
        if segments is None:
            left[one.uid] = (
                f"{_start(one.name)}: a segmentation, none of whose segments is said to be a lesion."
            )
            continue
        if header.short:
            left[one.uid] = f"{_start(one.name)}: a segmentation that is cut off."
            continue
        found.append(((drawn_on_it, one.number or 0), one, Mask(header, segments)))
    if not found:
        return None, ""
    found.sort(key=lambda entry: entry[0])
    _, best, mask = found[-1]
    for _, other, _ in found[:-1]:
        left[other.uid] = (
            f"{_start(other.name)}: another segmentation was preferred: drawn on the series taken, or later."
        )
    count = f" ({len(mask.segments)} segments)" if len(mask.segments) > 1 else ""
    taken.append(f"Lesion: {best.name}{count}.")
    return mask, best.uid


def _segments_of(header: Header) -> tuple[int, ...] | None:
    """Return the numbers of the segments that show a lesion; None if none does."""
    described = [(segment.number, f"{segment.label} {segment.type_code}") for segment in header.segments]
    lesions = tuple(
        number for number, words in described if _LESION.search(words) and not _OTHER.search(words)
    )
    if lesions:
        return lesions
    if len(described) <= 1 and not any(_OTHER.search(words) for _, words in described):
        return tuple(number for number, _ in described)
    return None


def _ftv(
    series: Sequence[Series],
    source: Source,
    levels: NDArray[np.float64],
    taken: list[str],
    left: dict[str, str],
) -> tuple[Mask | None, str]:
    """Return the mask that I-SPY2's software made: it names no series, and is paired by the words of descriptions."""
    found: tuple[Mask | None, str] = (None, "")
    for one in series:
        if one.role.kind != "mask":
            continue
        wanted = _stem(one)
        pair = source.prepared and any(_stem(phase.stack.series) == wanted for phase in source.phases)
        ratio = next(
            (other for other in series if other.role.kind == "ratio" and _stem(other) == wanted), None
        )
        if not pair or found[0] is not None:
            left[one.uid] = f"{_start(one.name)}: {one.role.what} of other images."
        elif one.headers[-1].short:
            left[one.uid] = f"{_start(one.name)}: {one.role.what}, which is cut off."
        else:
            slices = () if ratio is None else _slices(ratio, source, levels)
            found = Mask(one.headers[-1], (), slices), one.uid
            taken.append(f"Functional tumour volume: {one.name}, 0 being inside.")
    return found


def _stem(series: Series) -> str:
    """Return the words that a mask, its ratio and its phases share: ``ispy2 volser uni lateral cropped``."""
    return re.sub(
        r"\b(analysis mask|ser|original dce)\b", "", normalised(series.headers[0].series_description)
    ).strip()


def _slices(ratio: Series, source: Source, levels: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the slice of each image of the ratio, in the order of its numbers; nothing if one has none."""
    stack = largest_stack(ratio)
    if stack is None or len(stack.images) != len(levels):
        return ()
    images = sorted(stack.images, key=lambda image: image.frame.number or 0)
    plane = source.phases[0].stack.plane
    tall = heights([image.frame for image in images], plane)
    places = places_among(levels, tall)
    if sorted(places.tolist()) != list(range(len(levels))):
        return ()
    return tuple(int(place) for place in places)


def _start(name: str) -> str:
    return name[0].upper() + name[1:]
