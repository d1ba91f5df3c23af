"""What a cell of the published tables says, in fedchemo's words; ValueError if it is none of their words."""

from __future__ import annotations

import math
import re

from fedchemo.shared.clinical.schema import IDENTIFIER

_MISSING = {"", "na", "n/a", "nan", "none", "null", "<na>", "-1", "-1.0", "999", "999.0"}
_RACES = {
    "white": "White",
    "caucasian": "White",
    "black": "Black",
    "african american": "Black",
    "asian": "Asian",
    "american indian": "Native American",
    "native hawaiian": "Pacific Islander",
    "hawaiian": "Pacific Islander",
    "multiple": "Multiple",
}
_VENDORS = {"ge": "GE", "siemens": "Siemens", "philips": "Philips"}
_NOT_IN_AN_ARM = re.compile(r"[^A-Za-z0-9 +/._-]+")
_ARM_LENGTH = 64


def text(cell: object) -> str | None:
    """Return what is written, with single spaces; None for a cell that means missing."""
    # Splitting also takes the no-break space, which files from R hold.
    words = " ".join(str(cell).split()) if cell is not None else ""
    return None if words.lower() in _MISSING else words


def number(cell: object) -> float:
    """Return a number, NaN if missing."""
    words = text(cell)
    if words is None:
        return math.nan
    value = float(words)
    if not math.isfinite(value):
        raise ValueError(words)
    return value


def binary(cell: object) -> float:
    """Return 0.0, 1.0, or NaN if missing."""
    value = number(cell)
    if value not in {0.0, 1.0} and not math.isnan(value):
        raise ValueError(cell)
    return value


def menopause(cell: object) -> str | None:
    """Return pre, peri or post; None where the trial's form says that none of its categories applies."""
    words = text(cell)
    if words is None or words.lower().startswith("above categories not applicable"):
        return None
    for status in ("pre", "peri", "post"):
        if words.lower().startswith(status):
            return status
    raise ValueError(words)


def race(cell: object) -> str | None:
    """Return one of six spellings, or Other; the tables cut words off and join several by comma or semicolon."""
    words = text(cell)
    if words is None:
        return None
    if re.search("[;,]", words):
        return "Multiple"
    known = [name for start, name in _RACES.items() if words.lower().startswith(start)]
    return known[0] if known else "Other"


def arm(cell: object) -> str | None:
    """Return a treatment arm in letters, digits, spaces and ``+/._-``, at most 64 of them, or None."""
    words = text(cell)
    if words is None:
        return None
    return " ".join(_NOT_IN_AN_ARM.sub(" ", words).split()).lstrip("+/._- ")[:_ARM_LENGTH].rstrip() or None


def site(cell: object) -> str | None:
    """Return a hospital's code, which becomes a folder's name."""
    words = text(cell)
    if words is not None and not re.fullmatch(IDENTIFIER, words):
        raise ValueError(words)
    return words


def vendor(cell: object) -> str | None:
    """Return GE, Siemens, Philips, or the first word of another scanner's maker."""
    words = text(cell)
    if words is None:
        return None
    maker = words.split()[0]
    return site(_VENDORS.get(maker.lower(), maker))


def seconds(cell: object) -> tuple[float, ...] | None:
    """Return the times in a list that was stored as text, such as ``[0, 178, 265]``; None if there are none."""
    words = text(cell)
    if words is None:
        return None
    listed = [part for part in words.strip("[]()").split(",") if part.strip()]
    times = tuple(float(part) for part in listed)
    if not all(map(math.isfinite, times)) or list(times) != sorted(times):
        raise ValueError(words)
    return times or None
