"""Units in which tables give what we keep in years, cm3, mm, a fraction and per cent."""

from __future__ import annotations

from typing import Final

DAYS_A_YEAR: Final = 365.25

FACTORS: Final[dict[str, dict[str, float]]] = {
    # A birthday counted from the diagnosis is a negative number of days (Duke's workbook).
    "age_years": {"years": 1, "months": 1 / 12, "days": 1 / DAYS_A_YEAR, "days to birth": -1 / DAYS_A_YEAR},
    "tumour_volume_cc": {"cm3": 1, "mm3": 1e-3},
    "ftv_cc": {"cm3": 1, "mm3": 1e-3},
    "longest_diameter_mm": {"mm": 1, "cm": 10},
    "sphericity": {"fraction": 1, "percent": 0.01},
    "bpe": {"percent": 1, "fraction": 100},
}
"""Variable -> unit -> by what a value is multiplied to be ours. The first unit is ours."""

MUST_BE_STATED: Final = ("tumour_volume_cc", "ftv_cc", "longest_diameter_mm")
"""Variables that hospitals record in either unit: to assume one would make silent errors of a factor of ten."""

_WRITTEN: Final = {
    "years": ("year", "years", "y", "yr", "yrs", "yo", "jahre", "ans", "anni", "jaar"),
    "months": ("month", "months", "mo", "mths", "monate", "mois"),
    "days": ("day", "days", "d", "tage", "jours"),
    "cm3": ("cm3", "cm^3", "cc", "ccm", "ml", "cubic cm"),
    "mm3": ("mm3", "mm^3", "cmm", "cubic mm"),
    "mm": ("mm", "millimetre", "millimeter"),
    "cm": ("cm", "centimetre", "centimeter"),
    "percent": ("%", "percent", "per cent", "pct"),
    "fraction": ("fraction",),
}
_UNIT_OF: Final = {word: unit for unit, words in _WRITTEN.items() for word in words}


def unit_named(written: str) -> str | None:
    """Return the unit that somebody wrote as ``cm³``, ``cc`` or ``yrs``; None if it is none that we know."""
    plain = " ".join(written.casefold().split()).replace("³", "3").replace("**3", "3").rstrip(".")
    return _UNIT_OF.get(plain)


def to_ours(value: float, variable: str, unit: str) -> float:
    """Return a value in our unit.

    Raises:
        KeyError: if the variable is not measured in that unit.
    """
    return value * FACTORS[variable][unit]
