"""The frames of an enhanced multi-frame image, each with the attributes of its functional groups (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fedchemo.client.importing.dicom.elements import items, number, numbers, seconds, text, whole
from fedchemo.client.importing.dicom.header import Frame

if TYPE_CHECKING:
    import pydicom


def is_multi_frame(dataset: pydicom.Dataset) -> bool:
    """Tell whether a data set's planes are described a frame at a time."""
    return bool(items(dataset, "PerFrameFunctionalGroupsSequence"))


def frames(dataset: pydicom.Dataset) -> Iterator[Frame]:
    """Yield the frames in the order of the file.

    A group that all frames share is taken from the shared ones. Times come from the frame's own acquisition, and its
    offset from the beginning of the series (TemporalPositionTimeOffset) stands for the trigger time.
    """
    shared = next(iter(items(dataset, "SharedFunctionalGroupsSequence")), None)
    series_time = seconds(dataset, "SeriesTime")
    for index, own in enumerate(items(dataset, "PerFrameFunctionalGroupsSequence")):

        def group(name: str, own: pydicom.Dataset = own) -> Any:
            for place in (own, shared):
                if place is not None and (found := items(place, name)):
                    return found[0]
            return _nothing()

        content = group("FrameContentSequence")
        offset = number(group("TemporalPositionSequence"), "TemporalPositionTimeOffset")
        trigger = number(group("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime")
        usage = text(group("ContrastBolusUsageSequence"), "ContrastBolusAgentAdministered").upper()
        frame_type = text(group("MRImageFrameTypeSequence"), "FrameType") or text(dataset, "ImageType")
        yield Frame(
            index=index,
            number=index + 1,
            position=numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),  # type: ignore[arg-type]
            orientation=numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6),  # type: ignore[arg-type]
            spacing=numbers(group("PixelMeasuresSequence"), "PixelSpacing", 2),  # type: ignore[arg-type]
            kind="\\".join(frame_type.upper().split("\\")[2:]),
            temporal=whole(content, "TemporalPositionIndex"),
            content=seconds(content, "FrameReferenceDateTime"),
            trigger=offset * 1000 if offset is not None else trigger,
            acquisition=seconds(content, "FrameAcquisitionDateTime"),
            series=series_time,
            acquisition_number=whole(content, "FrameAcquisitionNumber"),
            echo_ms=number(group("MREchoSequence"), "EffectiveEchoTime"),
            agent={"YES": True, "NO": False}.get(usage),
        )


def _nothing() -> pydicom.Dataset:
    import pydicom

    return pydicom.Dataset()
