"""The scanner by words that are known to name scanners: any text of a header may hold a person's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fedchemo.client.importing.contract import Scanner
from fedchemo.client.importing.dicom.header import Header

_MAKERS = {
    "ge": "GE MEDICAL SYSTEMS",
    "general electric": "GE MEDICAL SYSTEMS",
    "siemens": "SIEMENS",
    "philips": "Philips",
    "toshiba": "TOSHIBA",
    "canon": "Canon",
    "hitachi": "Hitachi",
    "fujifilm": "FUJIFILM",
    "united imaging": "United Imaging",
    "uih": "United Imaging",
    "esaote": "Esaote",
    "aurora": "Aurora",
    "hologic": "Hologic",
    "neusoft": "Neusoft",
    "bruker": "Bruker",
}
# Words that name models, and the small words beside them.
_MODEL_NAMES = """
    signa hdx hdxt hde excite discovery optima premier architect artist voyager pioneer hero creator explorer
    brivo genesis avanto aera altea amira area biograph cima concerto espree essenza free harmony lumina
    magnetom max prisma prisma_fit skyra_fit avanto_fit sempra skyra sola sonata spectra symphony terra tim
    trio triotim symphonytim verio vida viato fit xq xr achieva ambition dstream elition evolution ingenia
    intera multiva panorama prodiva gyroscan nt x cx s omega vantage titan galan orian elan fortian excelart
    atlas echelon oasis aperto airis synergy aris smart oval umr jupiter dedicated breast system ultra elite
    dual mr
"""
_WORDS = frozenset(_MODEL_NAMES.split())
_NUMBERED = re.compile(r"^(mr)?\d{3}[a-z]?$|^\d(\.\d{1,2})?t?$|^[a-z]\d{1,2}$|^umr\d{3}$")


def scanner_of(headers: Sequence[Header]) -> Scanner:
    """Return the equipment of an examination, by its first header."""
    first = headers[0]
    strength = first.field_strength_t
    # Some write gauss or millitesla.
    for factor in (1e3, 1e4):
        if strength is not None and strength >= 0.2 * factor:
            strength = strength / factor if strength / factor <= 10 else strength
    if strength is not None and not 0.1 <= strength <= 10:
        strength = None
    return Scanner(_maker(first.manufacturer), _model(first.model), strength)


def _maker(written: str) -> str:
    low = written.lower()
    return next((name for word, name in _MAKERS.items() if re.search(rf"\b{word}\b", low)), "")


def _model(written: str) -> str:
    """Return the words of a model that are known, so that nothing else that stands there comes along."""
    words = re.split(r"[\s,;:/]+", written)
    return " ".join(word for word in words if word.lower() in _WORDS or _NUMBERED.match(word.lower()))
