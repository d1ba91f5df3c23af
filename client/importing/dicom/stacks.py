"""A series, and the images in it that lie in one direction and show one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fedchemo.client.importing.dicom.geometry import Plane, plane_of, same_plane
from fedchemo.client.importing.dicom.header import Frame, Header
from fedchemo.client.importing.dicom.roles import TELLING, Facts, Role, role, unwanted


@dataclass(frozen=True, slots=True)
class Image:
    """One plane, and the file it lies in."""

    header: Header
    frame: Frame


@dataclass(frozen=True)
class Series:
    """A series and what it is to an examination.

    Attributes:
        number: SeriesNumber; None if there is none.
        headers: of its files.
        role: what it shows.
        twice: files left out since the same image is there already.
        clash: whether two different images have one identity.
    """

    uid: str
    number: int | None
    headers: tuple[Header, ...]
    role: Role
    twice: int = 0
    clash: bool = False

    @property
    def name(self) -> str:
        """How sentences call it: its number and size. A description may hold a name, so it is not quoted."""
        images = sum(max(1, len(header.frames)) for header in self.headers)
        number = "without number" if self.number is None else str(self.number)
        return f"series {number} ({images} image{'s' * (images != 1)})"


@dataclass(frozen=True)
class Stack:
    """Images of one series in one direction, of one size, spacing and kind.

    Attributes:
        left: images of the series that are in no stack: of another direction or kind, or without geometry.
    """

    series: Series
    plane: Plane
    rows: int
    columns: int
    images: tuple[Image, ...]
    left: int = field(default=0)


def series_of(headers: Iterable[Header]) -> list[Series]:
    """Group a study's headers, sorted by number and identity."""
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        groups[header.series].append(header)
    found = [_series(uid, group) for uid, group in groups.items()]
    return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.uid))


def _series(uid: str, headers: Sequence[Header]) -> Series:
    by_instance: dict[str, Header] = {}
    twice, clash = 0, False
    for header in headers:
        before = by_instance.setdefault(header.instance, header)
        if before is not header:
            twice += 1
            if before.short and not header.short:
                # The whole copy is the better one.
                by_instance[header.instance] = header
            else:
                clash |= not header.short and before.frames != header.frames
    kept = tuple(by_instance.values())
    # A header in the middle: the first may be a scout or a key image.
    first = kept[len(kept) // 2]
    echoes = [frame.echo_ms for header in kept for frame in header.frames if frame.echo_ms is not None]
    kinds = [frozenset(frame.kind.split("\\")) for header in kept for frame in header.frames]
    agents = [frame.agent for header in kept for frame in header.frames]
    facts = Facts(
        modality=first.modality,
        sop_class=first.sop_class,
        description=first.series_description,
        kinds=frozenset.intersection(*kinds) if kinds else frozenset(),
        scanning_sequence=first.scanning_sequence,
        acquisition_type=first.acquisition_type,
        diffusion=any(header.diffusion for header in kept),
        agent=any(agents),
        echo_ms=min(echoes) if echoes else None,
        samples=first.samples,
        temporal_positions=first.temporal_positions,
    )
    return Series(uid, first.series_number, kept, role(facts), twice, clash)


def largest_stack(series: Series) -> Stack | None:
    """Return the stack with most images; None if no image tells where it lies.

    Images of other directions (localisers, projections), other echoes and other kinds (fat beside water, phase beside
    magnitude) are left out.
    """
    groups: list[tuple[Plane, tuple[int, int, str, float | None], list[Image]]] = []
    total = 0
    for header in series.headers:
        for frame in header.frames:
            total += 1
            if header.short:
                continue
            plane = plane_of(frame)
            if plane is None or not header.rows or not header.columns:
                continue
            echo = None if frame.echo_ms is None else round(frame.echo_ms, 1)
            key = (header.rows, header.columns, _parted(frame.kind), echo)
            image = Image(header, frame)
            for other, known, images in groups:
                if known == key and same_plane(other, plane):
                    images.append(image)
                    break
            else:
                groups.append((plane, key, [image]))
    if not groups:
        return None
    plane, _, images = max(
        groups, key=lambda group: (not unwanted(frozenset(group[1][2].split("+"))), len(group[2]))
    )
    rows, columns = images[0].header.rows, images[0].header.columns
    short = sum(header.short for header in series.headers)
    return Stack(series, plane, rows, columns, tuple(images), total - len(images) - short)


def _parted(kind: str) -> str:
    """Return the part of an image type that tells images of one place and moment apart; empty if none does."""
    return "+".join(sorted(TELLING.intersection(kind.split("\\"))))
