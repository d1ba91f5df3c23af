"""How hospitals call our variables, in several languages, and how they write yes, no and visits."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

IDENTIFIER: Final = re.compile(
    r"^(patient|subject|participant|case|pat|study|record|proband\w*|fall|clinical trial subject)? ?"
    r"(identifier|ident|id|no|nr|num|number|nummer|code|key|pseudonym|mrn|pid)$|^(patient|subject|fallnummer|pseudonym)$"
)

NAMES: Final[dict[str, re.Pattern[str]]] = {
    "pcr": re.compile(
        r"\bpcr\b|path\w* complete (response|remission)|^complete (pathologic\w* )?response|komplettremission"
        r"|reponse complete|risposta completa|respuesta completa"
    ),
    "age_years": re.compile(
        r"^age\b|\bage( at .*)?$|\balter\b|^edad\b|^eta\b|^leeftijd\b|date of birth days"
    ),
    "hr": re.compile(r"^hr\b|hormone? ?receptor|hormonrezeptor|\bhr (status|pos)"),
    "her2": re.compile(r"\bher ?2|erbb2|\bher2"),
    "mammaprint": re.compile(r"mammaprint|^mp$|70 gene"),
    "menopause": re.compile(r"meno?paus"),
    "race": re.compile(r"^race\b|\brace\b|ethnic|^herkunft$"),
    "arm": re.compile(r"\barm\b|regimen|nac agent|treatment group|therapieschema|protocol arm"),
    "tumour_volume_cc": re.compile(
        r"(tumou?r|lesion|mask|tum) ?(\w+ )?vol|^volum\w*( cm3| mm3| ml| cc)?$|tumorvolumen"
    ),
    "split": re.compile(r"^split$|^data ?split$|^subset$"),
    "ftv_cc": re.compile(r"\bftv\b|functional tumou?r volume|volume tum"),
    "longest_diameter_mm": re.compile(
        r"longest diam|\bld\b|max(imum|imal)? diam|greatest (diam|dim)|largest diam|durchmesser|diametre|diametro"
    ),
    "sphericity": re.compile(r"spheric"),
    "bpe": re.compile(r"\bbpe\b|background (parenchymal )?enhancement"),
}
"""Variable -> what its column may be called, as `simplified`."""

NOT_MEANT: Final = re.compile(
    r"near complete|\brcb|\bpch\b|percent change|\bchange\b|\bdelta\b|stage|\bdate\b|ratio|fish|comment|bemerkung|_unit"
)
"""What a column is called that only sounds like one of ours."""

RECEPTORS: Final = (
    re.compile(r"^er\b|^er ?(pos|status)|(o?estrogen|ostrogen)\w*"),
    re.compile(r"^pr\b|^pgr\b|^pg ?r ?(pos|status)|progester"),
)
"""Oestrogen and progesterone receptor: either makes a tumour hormone receptor positive."""

YES: Final = frozenset(
    {"ja", "oui", "si", "positiv", "positif", "positivo", "high", "high 2", "high2", "3+", "+", "p"}
)
NO: Final = frozenset({"nein", "non", "negativ", "negatif", "negativo", "low", "high 1", "high1", "0", "1+"})

VISIT_COLUMN: Final = re.compile(
    r"^(visit|time ?point|zeitpunkt|exam\w*|scan|mri (visit|exam))( name| no| number)?$"
)
_VISITS: Final = (
    (re.compile(r"\bt ?([0-3])\b"), 0),
    (re.compile(r"\b(?:v|visit|vis|mri) ?([1-4])0?\b"), -1),
)
_VISIT_WORDS: Final = {
    "T0": re.compile(r"baseline|pre ?(treatment|therap|nac)|before|screening"),
    "T1": re.compile(r"early|after (the )?first|1 3d"),
    "T2": re.compile(r"\bmid|inter"),
    "T3": re.compile(r"pre ?(surg|op)|post ?(treatment|therap|nac)|final|\bend\b"),
}

UNIT_IN_NAME: Final = (
    (re.compile(r"\bmm ?(3|\^3|³)"), "mm3"),
    (re.compile(r"\bcm ?(3|\^3|³)|\bcc\b|\bml\b|\bccm\b"), "cm3"),
    (re.compile(r"\bmm\b"), "mm"),
    (re.compile(r"\bcm\b"), "cm"),
    (re.compile(r"\bmonths?\b|\bmonate\b"), "months"),
    (re.compile(r"\bdays?\b|\btage\b"), "days"),
    (re.compile(r"\byears?\b|\byrs?\b|\bjahre\b"), "years"),
    (re.compile(r"%|\bpercent\b|\bpct\b"), "percent"),
)


def simplified(name: str) -> str:
    """Return a column's name in small letters without accents and punctuation, words apart."""
    text = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name))
    letters = "".join(letter for letter in text if not unicodedata.combining(letter)).casefold()
    return " ".join(re.sub(r"[^\w%]+|_", " ", letters).split())


def visit_named(name: str) -> str | None:
    """Return the visit that a simplified name speaks of, or None."""
    for pattern, shift in _VISITS:
        if found := pattern.search(name):
            return f"T{int(found[1]) + shift}"
    return next((visit for visit, pattern in _VISIT_WORDS.items() if pattern.search(name)), None)
