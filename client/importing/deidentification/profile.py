"""Which attributes of a DICOM data set identify a person, or may, by the basic profile of PS3.15 (Annex E).

Nothing of a header is copied into a site folder, so this list removes nothing: it tells a hospital what its export
held.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fedchemo.client.importing.deidentification.basic_profile import BY_ACTION, RECENT

if TYPE_CHECKING:
    import pydicom

# Repeating groups, which no keyword of one tag names: curves, and what is written over the image.
_CURVES = range(0x5000, 0x5100)
_OVERLAYS = range(0x6000, 0x6100)
_OVERLAY_DATA, _OVERLAY_COMMENTS = 0x3000, 0x4000
# Text, names and moments that the table does not list: free to hold anything (PS3.15 E.3.5, E.3.6).
_FREE = frozenset({"AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT"})
# Attributes of these kinds that equipment and codes fill, not people.
_IMPERSONAL_NAMES = """
    AcquisitionDuration BodyPartExamined CodeMeaning CodeValue CodingSchemeDesignator CodingSchemeName
    CodingSchemeResponsibleOrganization CodingSchemeVersion ContextGroupExtensionCreatorUID
    ContrastBolusRoute DeidentificationMethod DeidentificationMethodCodeSequence
    DimensionDescriptionLabel ImplementationVersionName LUTExplanation LongCodeValue Manufacturer
    ManufacturerModelName MeasurementUnitsCodeSequence NumberOfTemporalPositions PulseSequenceName
    ReceiveCoilManufacturerName ReceiveCoilName RescaleType ResonantNucleus SegmentAlgorithmName
    SegmentLabel SequenceName SoftwareVersions TransmitCoilManufacturerName TransmitCoilName
    TriggerSourceOrType URNCodeValue WindowCenterWidthExplanation
"""
_IMPERSONAL = frozenset(_IMPERSONAL_NAMES.split())


def action(tag: int) -> str | None:
    """Return the action code of the basic profile, such as ``"X/Z"``; None if the table does not list the tag.

    Private elements (X), curves and overlays are covered.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group % 2:
        return "X"
    if group in _CURVES or (group in _OVERLAYS and element in {_OVERLAY_DATA, _OVERLAY_COMMENTS}):
        return "X"
    return _actions().get(tag)


def identifying(dataset: pydicom.Dataset) -> list[str]:
    """Return the attributes with a value that the profile removes, replaces or cleans.

    Besides those of the table: private elements, and all text, names and moments that the table does not know and
    that are no code or name of equipment. Sequences are searched to any depth; so is the file's meta information.
    Values are looked at for being there only, so a damaged one does no harm.

    Returns:
        Keywords, each once, in the order of their tags; ``private (gggg,eeee)`` for a private element, ``Preamble``
        for the 128 bytes before the data set.
    """
    found: dict[str, None] = {}
    if (getattr(dataset, "preamble", None) or b"").strip(b"\0"):
        found["Preamble"] = None
    meta = getattr(dataset, "file_meta", None)
    for part in (meta, dataset):
        if part is not None:
            found.update(dict.fromkeys(_named(part)))
    return list(found)


@lru_cache(maxsize=1)
def _actions() -> dict[int, str]:
    from pydicom.datadict import tag_for_keyword

    table = dict.fromkeys(RECENT, "X")
    for code, keywords in BY_ACTION.items():
        for keyword in keywords.split():
            tag = tag_for_keyword(keyword)
            # A keyword unknown to this release of pydicom is found as free text.
            if tag is not None:
                table[int(tag)] = code
    return table


def _named(dataset: pydicom.Dataset) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        # Raw where it was not read yet: a value that pydicom cannot convert is still a value.
        element = dataset.get_item(tag)
        items = _items(dataset, tag, element)
        if not (items or _holds(element)):
            continue
        name = _identifies(int(tag), element)
        if name:
            yield name
        for item in items:
            yield from _named(item)


def _identifies(tag: int, element: Any) -> str | None:
    """Return the attribute's name if it may identify a person."""
    if (tag >> 16) % 2:
        return f"private ({tag >> 16:04x},{tag & 0xFFFF:04x})"
    name = _keyword(tag)
    if action(tag) or (_representation(tag, element) in _FREE and name not in _IMPERSONAL):
        return name
    return None


def _items(dataset: pydicom.Dataset, tag: Any, element: Any) -> list[pydicom.Dataset]:
    if _representation(int(tag), element) not in {"SQ", "UN"}:
        return []
    try:
        value = dataset[tag].value
    except Exception:  # noqa: BLE001 - whatever a damaged sequence raises: its name is reported all the same
        return []
    return [] if value is None or isinstance(value, bytes | str) else list(value)


def _holds(element: Any) -> bool:
    value = element.value
    if value is None:
        return False
    if isinstance(value, bytes):
        return bool(value.strip(b" \0"))
    if isinstance(value, str):
        return bool(value.strip(" \0"))
    try:
        return len(value) > 0
    except TypeError:
        return True


def _representation(tag: int, element: Any) -> str:
    """Return the value representation; implicit ones are looked up."""
    from pydicom.datadict import dictionary_VR

    if element.VR and element.VR != "UN":
        return str(element.VR)
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def _keyword(tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or RECENT.get(tag) or f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
