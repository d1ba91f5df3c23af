"""What a cell says, in fedchemo's words; `NotUnderstood` if it says nothing that can be trusted.

A cell is text here, as `files` gives it. Nothing is guessed: `1,234` may be one or a thousand, so it is neither.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection
from typing import Final, Literal

from fedchemo.client.importing.tables.units import unit_named

Decimal = Literal[".", ","]

MISSING: Final = frozenset(
    {
        *(
            "",
            "na",
            "n/a",
            "n.a.",
            "nan",
            "none",
            "null",
            "nil",
            "<na>",
            "#n/a",
            "#null!",
            ".",
            "..",
            "-",
            "--",
            "?",
        ),
        *(
            "unknown",
            "missing",
            "not reported",
            "declined",
            "refused",
            "not available",
            "not applicable",
            "unk",
        ),
        *(
            "not known",
            "not recorded",
            "not done",
            "nd",
            "n/d",
            "unbekannt",
            "inconnu",
            "sconosciuto",
            "onbekend",
        ),
    }
)
"""Words that mean missing in every table."""

SENTINELS: Final = frozenset({-1.0, -9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0, 99999.0})
"""Numbers that are written for a missing value. Only a mapping can say that they are; until it does, such a cell is
taken as missing and told."""

PENDING: Final = frozenset(
    {"pending", "awaited", "not yet", "tbd", "ongoing", "in treatment", "under treatment"}
)
"""Words that mean that an outcome will be known later."""

_YES: Final = frozenset({"1", "yes", "y", "true", "positive", "pos", "+"})
_NO: Final = frozenset({"0", "no", "n", "false", "negative", "neg"})
_PCR: Final = {"pcr": 1.0, "non-pcr": 0.0, "no pcr": 0.0, "non pcr": 0.0, "nopcr": 0.0, "rd": 0.0}

_RACES: Final = {
    "white": "White",
    "caucasian": "White",
    "black": "Black",
    "african american": "Black",
    "african-american": "Black",
    "asian": "Asian",
    "american indian": "Native American",
    "native american": "Native American",
    "alaska": "Native American",
    "native hawaiian": "Pacific Islander",
    "hawaiian": "Pacific Islander",
    "pacific islander": "Pacific Islander",
    "multiple": "Multiple",
    "multiracial": "Multiple",
    "other": "Other",
}
_NOT_IN_AN_ARM = re.compile(r"[^A-Za-z0-9 +/._-]+")
_ARM_LENGTH: Final = 64

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS_POINT = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
_THOUSANDS_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
_COULD_BE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_WITH_UNIT = re.compile(r"([+-]?[\d.,]+(?:[eE][+-]?\d+)?)\s*([^\d\s.,][^\d]*3?)")
_DATES: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


class NotUnderstood(ValueError):  # noqa: N818 - it says what the cell is, not that the program failed
    """A cell that does not say what its column is about.

    Args:
        what: what is wrong, without the value itself.
        remedy: what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what)


def tidy(cell: str) -> str:
    """Return a cell with single spaces; the no-break space, which files from R hold, is one."""
    return " ".join(cell.split())


def is_missing(words: str, missing: Collection[str] = ()) -> bool:
    """Say whether tidied words mean missing, by everybody's words or a mapping's own (in small letters)."""
    plain = words.casefold()
    if plain in MISSING or plain in missing:
        return True
    # 999.0 is 999: a spreadsheet decides how it writes a number.
    return bool(_PLAIN.fullmatch(plain)) and any(
        _PLAIN.fullmatch(code) and float(code) == float(plain) for code in missing
    )


def number(words: str, decimal: Decimal | None = None) -> float:
    """Return the number that is written.

    Args:
        words: a tidied cell.
        decimal: the decimal mark of the table; None where it is not known: then a comma before any number of digits
            but three is one.

    Raises:
        NotUnderstood: if it is no number, or may be two.
    """
    text = words.replace("−", "-")
    if not text.isascii():
        raise NotUnderstood("is not a number", "Write digits")
    if _PLAIN.fullmatch(text):
        if decimal == "," and re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+", text):
            raise NotUnderstood(
                "has a point where the table writes decimals with a comma", "Write it with a comma"
            )
        value = float(text)
    elif _THOUSANDS_POINT.fullmatch(text):
        value = float(text.replace(".", "").replace(",", "."))
    elif _THOUSANDS_COMMA.fullmatch(text):
        value = float(text.replace(",", ""))
    elif _COMMA.fullmatch(text):
        if decimal != "," and _COULD_BE_THOUSANDS.fullmatch(text):
            raise NotUnderstood(
                "may have a decimal comma or a separator of thousands",
                'State decimal = "," or "." in the mapping',
            )
        value = float(text.replace(",", "."))
    else:
        raise NotUnderstood("is not a number", "Write digits with a decimal point, without a unit")
    if not math.isfinite(value):
        raise NotUnderstood("is not a finite number", "Correct it, or leave it empty if it is missing")
    return value


def number_and_unit(words: str, decimal: Decimal | None = None) -> tuple[float, str | None]:
    """Return a number and the unit written behind it, None without one.

    Raises:
        NotUnderstood: if there is no number, or a unit that is none of ours.
    """
    found = _WITH_UNIT.fullmatch(words)
    if found is None:
        return number(words, decimal), None
    unit = unit_named(found[2])
    if unit is None:
        raise NotUnderstood("has words or an unknown unit behind the number", "Write the number alone")
    return number(found[1], decimal), unit


def binary(words: str, variable: str) -> float:
    """Return 1.0 or 0.0 for everybody's words.

    Raises:
        NotUnderstood: if it is neither.
    """
    plain = words.casefold()
    if variable == "pcr" and plain in _PCR:
        return _PCR[plain]
    if _PLAIN.fullmatch(plain) and float(plain) in {0.0, 1.0}:
        return float(plain)
    if plain in _YES:
        return 1.0
    if plain in _NO:
        return 0.0
    raise NotUnderstood("is neither 0 nor 1, yes nor no", "Correct it, or say in codes what it means")


def menopause(words: str) -> str | None:
    """Return pre, peri or post; None where the trial's form says that none of its categories applies.

    Raises:
        NotUnderstood: if it begins with none of them.
    """
    plain = words.casefold()
    if plain.startswith("above categories not applicable"):
        return None
    for status in ("pre", "peri", "post"):
        if re.match(rf"{status}(?![a-z])|{status}[ -]?menopaus", plain):
            return status
    raise NotUnderstood("is none of pre, peri, post", "Correct it, or say in codes what it means")


def race(words: str) -> str:
    """Return one of seven spellings; tables cut words off and join several by comma or semicolon.

    Raises:
        NotUnderstood: if it is a word we do not know.
    """
    parts = [part for part in re.split("[;,]", words) if part.strip()]
    if len(parts) > 1:
        return "Multiple"
    plain = parts[0].strip().casefold() if parts else ""
    for start, name in _RACES.items():
        if plain.startswith(start):
            return name
    raise NotUnderstood("is no race that is known", "Say in codes what it means; Other is allowed")


def arm(words: str) -> str | None:
    """Return a treatment arm in letters, digits, spaces and ``+/._-``, at most 64 of them, or None."""
    return " ".join(_NOT_IN_AN_ARM.sub(" ", words).split()).lstrip("+/._- ")[:_ARM_LENGTH].rstrip() or None


def split(words: str) -> str:
    """Return train, validation or test.

    Raises:
        NotUnderstood: if it is none of them.
    """
    plain = words.casefold()
    names = {
        "train": "train",
        "training": "train",
        "validation": "validation",
        "val": "validation",
        "test": "test",
    }
    if plain not in names:
        raise NotUnderstood("is none of train, validation, test", "Say in codes what it means")
    return names[plain]


def date(words: str, layout: str | None) -> dt.date:
    """Return a day. Without a stated layout only year-month-day is read: 03/04 has two meanings.

    Args:
        words: a tidied cell.
        layout: as for `datetime.strptime`, such as ``%d.%m.%Y``.

    Raises:
        NotUnderstood: if it is no such day.
    """
    # A spreadsheet's own dates arrive as year-month-day, whatever layout its other cells are in.
    for form in dict.fromkeys(([layout] if layout else []) + list(_DATES)):
        try:
            return dt.datetime.strptime(words, form).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise NotUnderstood("is no date as year-month-day", "State the format in the mapping, such as %d.%m.%Y")
