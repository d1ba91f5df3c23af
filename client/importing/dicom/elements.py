"""Values of a header, forgiving: what is absent, damaged or nonsense is None, never an exception."""

from __future__ import annotations

import datetime as dt
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pydicom

_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?$")
# Kinds of values (PS3.5 6.2) that are written as they are read.
_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UI"})
_MOMENT = re.compile(r"\d{8}(\d{4,6}(?:\.\d{1,6})?)(?:[+-]\d{4})?$")


def value(dataset: pydicom.Dataset, keyword: str) -> Any:
    """Return what stands under ``keyword``, or None."""
    try:
        return dataset.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a damaged value makes its converters raise
        return None


def text(dataset: pydicom.Dataset, keyword: str) -> str:
    """Return a text, its parts joined by backslashes as in the file; empty if there is none."""
    try:
        plain = _plain(dataset, keyword)
        if plain is not None:
            return "\\".join(part.strip(" \0") for part in plain.split("\\"))
        found = value(dataset, keyword)
        if found is None:
            return ""
        parts = found if _is_many(found) else [found]
        return "\\".join(str(part).strip(" \0") for part in parts)
    except Exception:  # noqa: BLE001 - a name in an unknown character set fails only when it is shown
        return ""


def number(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """Return a finite number, the first of several."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def numbers(dataset: pydicom.Dataset, keyword: str, count: int | None = None) -> tuple[float, ...] | None:
    """Return finite numbers, or None if one is not, or if there are not ``count`` of them."""
    plain = _plain(dataset, keyword)
    found: Any = value(dataset, keyword) if plain is None else plain.strip(" \0").split("\\")
    if found is None or found == "":
        return None
    try:
        parts = tuple(float(part) for part in (found if _is_many(found) else [found]))
    except (TypeError, ValueError, OverflowError):
        return None
    if not parts or not all(math.isfinite(part) for part in parts):
        return None
    return parts if count in {None, len(parts)} else None


def whole(dataset: pydicom.Dataset, keyword: str) -> int | None:
    """Return a whole number."""
    found = number(dataset, keyword)
    return None if found is None or found != int(found) else int(found)


def items(dataset: pydicom.Dataset, keyword: str) -> list[pydicom.Dataset]:
    """Return the items of a sequence; none if it is absent."""
    found = value(dataset, keyword)
    if found is None or isinstance(found, bytes | str):
        return []
    try:
        return list(found)
    except Exception:  # noqa: BLE001 - items are parsed late, and a damaged one fails then
        return []


def seconds(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """Return seconds since midnight of a time (TM) or moment (DT)."""
    return seconds_of(text(dataset, keyword))


def seconds_of(written: str) -> float | None:
    """Return seconds since midnight: ``101530.5``, ``10:15:30`` and ``20020404101530.5+0100`` are understood."""
    written = written.split("\\", maxsplit=1)[0].strip()
    if moment := _MOMENT.match(written):
        written = moment[1]
    match = _TIME.match(written)
    if match is None:
        return None
    hours, minutes, rest = int(match[1]), int(match[2]), int(match[3] or 0)
    # 60 is a leap second.
    if hours > 23 or minutes > 59 or rest > 60:
        return None
    return hours * 3600 + minutes * 60 + rest + float(f"0.{match[4] or 0}")


def day_of(written: str) -> dt.date | None:
    """Return the day of ``20020404`` or ``2002.04.04``."""
    digits = re.sub(r"\D", "", written)[:8]
    try:
        return dt.datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - days have no zone
    except ValueError:
        return None


def _plain(dataset: pydicom.Dataset, keyword: str) -> str | None:
    """Return a value in ASCII without pydicom's conversion, which costs most of the time that a header takes.

    None if the element is absent, was converted already, or is of a kind that needs it.
    """
    tag, representation = _entry(keyword)
    try:
        element = dataset.get_item(tag)
    except KeyError:
        return None
    content = getattr(element, "value", None)
    if type(content) is not bytes or not content.isascii() or (element.VR or representation) not in _ASCII:
        return None
    return content.decode("ascii")


@cache
def _entry(keyword: str) -> tuple[Any, str]:
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.tag import Tag

    number_of = tag_for_keyword(keyword)
    assert number_of is not None
    return Tag(number_of), dictionary_VR(number_of)


def _is_many(found: Any) -> bool:
    from pydicom.multival import MultiValue

    return isinstance(found, MultiValue | list | tuple)
