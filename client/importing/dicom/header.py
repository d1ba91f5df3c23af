"""What is kept of a file's header until its examination is understood."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
"""SOP class of a segmentation (PS3.4 B.5)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image plane: a file, or a frame of a multi-frame file.

    Attributes:
        index: of the frame in its file, from 0; None if the file holds one image.
        number: InstanceNumber, or the frame's number.
        position: of the centre of the first voxel, LPS millimetres (PS3.3 C.7.6.2).
        orientation: direction of a row, then of a column, LPS.
        spacing: between rows, between columns, mm.
        kind: the image type from its third value on, such as ``M`` or ``WATER``.
        temporal: TemporalPositionIdentifier or -Index.
        content: ContentTime, seconds since midnight.
        trigger: TriggerTime or the offset of the temporal position, ms.
        acquisition: AcquisitionTime, seconds since midnight.
        series: SeriesTime, seconds since midnight.
        acquisition_number: AcquisitionNumber.
        echo_ms: EchoTime.
        agent: whether a contrast agent is named; None if nothing is said.
    """

    index: int | None = None
    number: int | None = None
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    spacing: tuple[float, float] | None = None
    kind: str = ""
    temporal: int | None = None
    content: float | None = None
    trigger: float | None = None
    acquisition: float | None = None
    series: float | None = None
    acquisition_number: int | None = None
    echo_ms: float | None = None
    agent: bool | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a segmentation."""

    number: int
    label: str
    type_code: str


@dataclass(frozen=True, slots=True)
class Header:
    """What is kept of one file.

    Attributes:
        path: of the file.
        relative: below the folder that was given, for `Examination.key`.
        size: bytes.
        changed: time of change, nanoseconds.
        short: the pixel data end before they should.
        rows, columns: of the image.
        bolus: ContrastBolusStartTime, seconds since midnight.
        burned_in: why a name may be written in the pixels; empty if it is not thought so.
        exposed: names of attributes that may identify a person.
        references: series that a segmentation was drawn on.
        segments: of a segmentation.
        frames: the planes.

    The rest are the attributes of DICOM with these names.
    """

    path: str
    relative: str
    size: int
    changed: int
    short: bool
    patient: str
    study: str
    series: str
    instance: str
    sop_class: str
    modality: str
    study_description: str = ""
    study_date: str = ""
    time_point: str = ""
    series_description: str = ""
    series_number: int | None = None
    image_type: str = ""
    manufacturer: str = ""
    model: str = ""
    field_strength_t: float | None = None
    scanning_sequence: str = ""
    acquisition_type: str = ""
    diffusion: bool = False
    samples: int = 1
    rows: int = 0
    columns: int = 0
    reference_frame: str = ""
    bolus: float | None = None
    temporal_positions: int | None = None
    burned_in: str = ""
    exposed: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that cannot be used.

    Attributes:
        path: of the file.
        what: what is wrong, without a name.
        patient: whose it is, if the header tells.
        loud: whether it ought to have been a DICOM file, by its name.
    """

    path: str
    what: str
    patient: str | None = None
    loud: bool = True


_PLAIN = tuple(field.name for field in fields(Header) if field.name not in {"frames", "segments"})
_FRAME = tuple(field.name for field in fields(Frame))


def packed(header: Header) -> str:
    """Return a header as one line of JSON."""
    return json.dumps(
        [
            [getattr(header, name) for name in _PLAIN],
            [[getattr(frame, name) for name in _FRAME] for frame in header.frames],
            [[segment.number, segment.label, segment.type_code] for segment in header.segments],
        ],
        separators=(",", ":"),
    )


def unpacked(line: str) -> Header:
    """Return the header that `packed` made a line of."""
    plain, frames, segments = json.loads(line)
    return Header(
        **{name: _tupled(one) for name, one in zip(_PLAIN, plain, strict=True)},
        frames=tuple(Frame(*map(_tupled, frame)) for frame in frames),
        segments=tuple(Segment(*segment) for segment in segments),
    )


def _tupled(one: Any) -> Any:
    return tuple(one) if isinstance(one, list) else one
