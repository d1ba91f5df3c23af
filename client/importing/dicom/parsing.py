"""One file's header, read as far as the pixels."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from fedchemo.client.importing.dicom.elements import items, number, numbers, seconds, text, value, whole
from fedchemo.client.importing.dicom.exposure import Exposure, burned_in
from fedchemo.client.importing.dicom.functional_groups import frames, is_multi_frame
from fedchemo.client.importing.dicom.header import SEGMENTATION, Fault, Frame, Header, Segment
from fedchemo.client.importing.dicom.walk import Place

if TYPE_CHECKING:
    import pydicom

_DIRECTORY = "1.2.840.10008.1.3.10"
_UNDEFINED = 0xFFFFFFFF
_PIXELS = 0x7FE00010
# The first element of a data set without preamble is of group 2 or 8 (PS3.10 7.1; older files lack it).
_GROUPS = (b"\x02\x00", b"\x08\x00")
_LOUD = frozenset({".dcm", ".dicom", ".ima", ".dc3"})
# MR's scanning sequence of echo-planar images.
_ECHO_PLANAR = "EP"


def read_headers(places: Sequence[Place]) -> list[Header | Fault]:
    """Return the headers of files, None of which raises."""
    import pydicom.config

    exposure = Exposure()
    # Warnings quote values of the header, so none may be shown.
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        found = [read_header(place, exposure) for place in places]
    return [one for one in found if one is not None]


def read_header(place: Place, exposure: Exposure) -> Header | Fault | None:
    """Return a file's header, what is wrong with the file, or None for a directory of media (DICOMDIR)."""
    try:
        with open(place.path, "rb") as file:  # noqa: PTH123 - faster over millions of files
            return _read(file, place, exposure)
    except OSError as wrong:
        return Fault(place.path, f"cannot be read: {wrong.strerror or 'no reason is given'}")
    except Exception as wrong:  # noqa: BLE001 - pydicom raises whatever a damaged file makes it raise
        return Fault(place.path, f"is damaged: its header cannot be read ({type(wrong).__name__})")


def _read(file: BinaryIO, place: Place, exposure: Exposure) -> Header | Fault | None:
    import pydicom

    state = os.fstat(file.fileno())
    loud = os.path.splitext(place.path)[1].lower() in _LOUD  # noqa: PTH122 - as above
    if state.st_size == 0:
        return Fault(place.path, "is empty", loud=loud)
    start = file.read(132)
    with_preamble = start[128:] == b"DICM"
    if not with_preamble and start[:2] not in _GROUPS:
        return Fault(place.path, "is no DICOM file", loud=loud)
    file.seek(0)
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=not with_preamble)
    except Exception:
        if not with_preamble:
            return Fault(place.path, "is no DICOM file", loud=loud)
        raise
    sop_class = text(dataset, "SOPClassUID")
    media = text(getattr(dataset, "file_meta", pydicom.Dataset()), "MediaStorageSOPClassUID")
    if _DIRECTORY in {sop_class, media}:
        return None
    patient = text(dataset, "PatientID") or None
    study, series = text(dataset, "StudyInstanceUID"), text(dataset, "SeriesInstanceUID")
    instance = text(dataset, "SOPInstanceUID")
    if not (sop_class and instance and study and series):
        if not with_preamble and not sop_class:
            return Fault(place.path, "is no DICOM file", loud=loud)
        what = "lacks what tells its study, series or kind: it is cut off, or no image"
        return Fault(place.path, what, patient)
    return _header(dataset, place, state, exposure, short=_is_short(file, state.st_size, dataset))


def _header(
    dataset: pydicom.Dataset, place: Place, state: os.stat_result, exposure: Exposure, *, short: bool
) -> Header:
    segmentation = text(dataset, "SOPClassUID") == SEGMENTATION
    if segmentation:
        planes: tuple[Frame, ...] = ()
    elif is_multi_frame(dataset):
        planes = tuple(frames(dataset))
    else:
        planes = (_frame(dataset),)
    scanning = text(dataset, "ScanningSequence").upper()
    kind = text(dataset, "ImageType").upper()
    diffusion = number(dataset, "DiffusionBValue") is not None or _ECHO_PLANAR in scanning.split("\\")
    return Header(
        path=place.path,
        relative=place.relative,
        size=state.st_size,
        changed=state.st_mtime_ns,
        short=short,
        patient=text(dataset, "PatientID"),
        study=text(dataset, "StudyInstanceUID"),
        series=text(dataset, "SeriesInstanceUID"),
        instance=text(dataset, "SOPInstanceUID"),
        sop_class=text(dataset, "SOPClassUID"),
        modality=text(dataset, "Modality").upper(),
        study_description=text(dataset, "StudyDescription"),
        study_date=text(dataset, "StudyDate")
        or text(dataset, "SeriesDate")
        or text(dataset, "AcquisitionDate"),
        time_point=text(dataset, "ClinicalTrialTimePointID"),
        series_description=text(dataset, "SeriesDescription") or text(dataset, "ProtocolName"),
        series_number=whole(dataset, "SeriesNumber"),
        image_type=kind,
        manufacturer=text(dataset, "Manufacturer"),
        model=text(dataset, "ManufacturerModelName"),
        field_strength_t=number(dataset, "MagneticFieldStrength"),
        scanning_sequence=scanning,
        acquisition_type=text(dataset, "MRAcquisitionType").upper(),
        diffusion=diffusion,
        samples=whole(dataset, "SamplesPerPixel") or 1,
        rows=whole(dataset, "Rows") or 0,
        columns=whole(dataset, "Columns") or 0,
        reference_frame=text(dataset, "FrameOfReferenceUID"),
        bolus=seconds(dataset, "ContrastBolusStartTime"),
        temporal_positions=whole(dataset, "NumberOfTemporalPositions"),
        burned_in=burned_in(dataset),
        exposed=exposure.of(dataset),
        references=_references(dataset) if segmentation else (),
        segments=_segments(dataset) if segmentation else (),
        frames=planes,
    )


def _frame(dataset: pydicom.Dataset) -> Frame:
    agent = value(dataset, "ContrastBolusAgent")
    return Frame(
        number=whole(dataset, "InstanceNumber"),
        position=numbers(dataset, "ImagePositionPatient", 3),  # type: ignore[arg-type]
        orientation=numbers(dataset, "ImageOrientationPatient", 6),  # type: ignore[arg-type]
        spacing=numbers(dataset, "PixelSpacing", 2),  # type: ignore[arg-type]
        kind="\\".join(text(dataset, "ImageType").upper().split("\\")[2:]),
        temporal=whole(dataset, "TemporalPositionIdentifier"),
        content=seconds(dataset, "ContentTime"),
        trigger=number(dataset, "TriggerTime"),
        acquisition=_first(seconds(dataset, "AcquisitionTime"), seconds(dataset, "AcquisitionDateTime")),
        series=seconds(dataset, "SeriesTime"),
        acquisition_number=whole(dataset, "AcquisitionNumber"),
        echo_ms=number(dataset, "EchoTime"),
        agent=None if agent is None else bool(str(agent).strip()),
    )


def _first(*found: float | None) -> float | None:
    return next((one for one in found if one is not None), None)


def _references(dataset: pydicom.Dataset) -> tuple[str, ...]:
    found = [text(item, "SeriesInstanceUID") for item in items(dataset, "ReferencedSeriesSequence")]
    return tuple(uid for uid in found if uid)


def _segments(dataset: pydicom.Dataset) -> tuple[Segment, ...]:
    found = []
    for item in items(dataset, "SegmentSequence"):
        code = next(iter(items(item, "SegmentedPropertyTypeCodeSequence")), None)
        meaning = "" if code is None else f"{text(code, 'CodeValue')} {text(code, 'CodeMeaning')}"
        found.append(Segment(whole(item, "SegmentNumber") or 1, text(item, "SegmentLabel"), meaning))
    return tuple(found)


def _is_short(file: BinaryIO, size: int, dataset: pydicom.Dataset) -> bool:
    """Tell whether a file ends before its pixels do; the file stands at the element of the pixels."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    meta = getattr(dataset, "file_meta", None)
    if meta is not None and meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        return False
    here = file.tell()
    beginning = file.read(12)
    big = dataset.original_encoding[1] is False
    order: Any = "big" if big else "little"
    if len(beginning) < 8:
        # No pixels at all: an image was cut off; other objects have none.
        return "Rows" in dataset
    tag = int.from_bytes(beginning[:2], order) << 16 | int.from_bytes(beginning[2:4], order)
    if tag != _PIXELS:
        return False
    explicit = not dataset.original_encoding[0]
    head = 12 if explicit else 8
    length = int.from_bytes(beginning[head - 4 : head], order)
    if length == _UNDEFINED:
        file.seek(max(here, size - 512), io.SEEK_SET)
        # The end of the fragments (PS3.5 A.4); a little padding may follow.
        return b"\xfe\xff\xdd\xe0" not in file.read(512)
    return here + head + length > size
