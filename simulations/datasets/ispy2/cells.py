"""What MAMA-MIA's sheet says of a patient's hospital and scanner; ValueError if it is none of its words."""

from __future__ import annotations

import math
import re

from fedchemo.shared.clinical.schema import IDENTIFIER

_MISSING = {"", "na", "n/a", "nan", "none", "null", "<na>", "-1", "-1.0", "999", "999.0"}
_VENDORS = {"ge": "GE", "siemens": "Siemens", "philips": "Philips"}


def text(cell: str) -> str | None:
    """Return what is written, with single spaces; None for a cell that means missing."""
    words = " ".join(cell.split())
    return None if words.lower() in _MISSING else words


def site(cell: str) -> str | None:
    """Return a hospital's code, which becomes a folder's name."""
    words = text(cell)
    if words is not None and not re.fullmatch(IDENTIFIER, words):
        raise ValueError(words)
    return words


def vendor(cell: str) -> str | None:
    """Return GE, Siemens, Philips, or the first word of another scanner's maker."""
    words = text(cell)
    if words is None:
        return None
    maker = words.split()[0]
    return site(_VENDORS.get(maker.lower(), maker))


def seconds(cell: str) -> tuple[float, ...] | None:
    """Return the times in a list that was stored as text, such as ``[0, 178, 265]``; None if there are none."""
    words = text(cell)
    if words is None:
        return None
    listed = [part for part in words.strip("[]()").split(",") if part.strip()]
    times = tuple(float(part) for part in listed)
    if not all(map(math.isfinite, times)) or list(times) != sorted(times):
        raise ValueError(words)
    return times or None
