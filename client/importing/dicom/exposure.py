"""What a header gives away: attributes that identify, and pixels in which a name may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedchemo.client.importing.deidentification.profile import identifying
from fedchemo.client.importing.dicom.elements import text, whole

if TYPE_CHECKING:
    import pydicom

# Secondary captures (PS3.4 B.5): photographs of a screen or a page.
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
_OVERLAYS = range(0x6000, 0x6100)
# So many different layouts of a header are remembered before they are forgotten: a few a series.
_REMEMBERED = 512


class Exposure:
    """Names what identifies a person in a header.

    The headers of a series have the same elements filled, so the answer for one is remembered for those that do not
    differ from it in which elements hold something.
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[str, ...]] = {}

    def of(self, dataset: pydicom.Dataset) -> tuple[str, ...]:
        """Return the attributes with a value that the basic profile of PS3.15 removes, replaces or cleans."""
        try:
            shape = _filled(dataset)
            if shape not in self._known:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[shape] = tuple(identifying(dataset))
            return self._known[shape]
        except Exception:  # noqa: BLE001 - a header that pydicom could not walk through is a Fault elsewhere
            return ()


def _filled(dataset: pydicom.Dataset) -> Any:
    """Return which elements hold something, to any depth."""
    preamble = bool((getattr(dataset, "preamble", None) or b"").strip(b"\0"))
    meta = getattr(dataset, "file_meta", None)
    return (preamble, () if meta is None else _elements(meta), _elements(dataset))


def _elements(dataset: pydicom.Dataset) -> tuple[Any, ...]:
    found: list[Any] = []
    for tag, element in dataset.items():
        content = element.value
        if element.VR in {"SQ", "UN"} and content:
            # Sequences that are still bytes are told apart by them; parsed ones by their items.
            inside = hash(content) if isinstance(content, bytes | str) else tuple(map(_elements, content))
            found.append((int(tag), inside))
        elif isinstance(content, bytes):
            found.append((int(tag), bool(content.strip(b" \0"))))
        else:
            found.append((int(tag), content not in {None, ""} if isinstance(content, str | None) else True))
    return tuple(found)


def burned_in(dataset: pydicom.Dataset) -> str:
    """Return why a name may be written in the pixels; empty if nothing speaks for it (PS3.15 E.3.1)."""
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        return "the header says that there is text in the image"
    if text(dataset, "SOPClassUID").startswith(_CAPTURES):
        return "it is a secondary capture"
    if "SCREEN" in text(dataset, "ImageType").upper():
        return "it is a picture of a screen"
    if text(dataset, "ConversionType"):
        return "it was converted from film, paper or video"
    if any(tag >> 16 in _OVERLAYS and tag & 0xFFFF == 0x3000 for tag in dataset.keys()):  # noqa: SIM118
        return "an overlay is drawn over the image"
    if text(dataset, "Modality").upper() == "MR" and (whole(dataset, "SamplesPerPixel") or 1) > 1:
        return "an MR image in colour is a picture of a report"
    return ""
