"""What reading a hospital's tables gives, and the rule by which identifiers are joined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fedchemo.client.cohort.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

JoinKind = Literal["exact", "last-digits", "pattern", "zero-padded"]

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ROUNDED = re.compile(r"\d([.,]\d+)?[eE]\+\d+")
_NEGATIVE = re.compile(r"-\d+")
# A column of whole numbers with an empty cell in it comes out of some software with a decimal point.
_POINT_ZERO = re.compile(r"(\d)\.0+$")


@dataclass(frozen=True)
class Joining:
    """How an identifier becomes the key by which tables and images are joined.

    Attributes:
        kind: ``exact``: as it is written; ``last-digits``: the run of digits at its end, which must have this length;
            ``pattern``: what a regular expression finds; ``zero-padded``: an identifier of digits alone, filled up
            with zeros at its front, since spreadsheets drop them.
        digits: how many; for ``pattern``, 0 leaves the found text as it is.
        pattern: of ``pattern``; its first group, or all of it, is the key.
        pad: for ``last-digits``: a shorter run is filled up with zeros too.
    """

    kind: JoinKind = "exact"
    digits: int = 0
    pattern: str = ""
    pad: bool = False

    @property
    def rule(self) -> str:
        """The rule in words, such as ``the last six digits``."""
        count = _NUMBER_WORDS[self.digits] if self.digits < len(_NUMBER_WORDS) else str(self.digits)
        filled = " filled up with leading zeros" if self.pad else ""
        match self.kind:
            case "exact":
                return "the identifier as it is written"
            case "last-digits":
                return f"the last {count} digits{filled}"
            case "pattern":
                padded = f", filled up to {count} digits with leading zeros" if self.digits else ""
                return f"what the pattern {self.pattern} finds{padded}"
            case "zero-padded":
                return f"the identifier filled up to {count} digits with leading zeros"

    def key(self, identifier: str) -> str | None:
        """Return the key of an identifier, or None if the rule finds none in it."""
        written = _POINT_ZERO.sub(r"\1", " ".join(identifier.split()))
        # -1 is a code for missing, not patient 1; 1.23E+08 was an identifier before a spreadsheet rounded it.
        if not written or _NEGATIVE.fullmatch(written) or _ROUNDED.fullmatch(written):
            return None
        match self.kind:
            case "exact":
                return written
            case "last-digits":
                run = re.search(r"\d+$", written, re.ASCII)
                if run is None or (len(run[0]) != self.digits and not self.pad):
                    return None
                # Filled up means the same number; a longer one with anything but zeros in front is another patient.
                return self._filled(run[0])
            case "pattern":
                found = re.search(self.pattern, written)
                key = found and (found[1] if found.re.groups else found[0])
                if not key or not self.digits:
                    return key or None
                return self._filled(key)
            case "zero-padded":
                return self._filled(written)

    def _filled(self, text: str) -> str | None:
        if not (text.isascii() and text.isdigit()):
            return None
        number = text.lstrip("0")
        # Nothing but zeros is what a spreadsheet shows for an empty cell of another one.
        return number.zfill(self.digits) if 0 < len(number) <= self.digits else None


@dataclass(frozen=True)
class ImportedTables:
    """A hospital's tables, read and joined.

    Attributes:
        clinical: a clinical frame (`fedchemo.shared.clinical.schema`) indexed by the join key of the hospital's
            identifier, sorted; ``split`` only where a table gives it. Patients with an error are not in it.
        visits: columns patient_id (join key), visit, ftv_cc, longest_diameter_mm, sphericity, bpe and date
            (datetime.date or None). Patients with an error are not in it.
        places: join key -> the file and row of its first row, also of patients with an error.
        join: the rule, used for images too.
        problems: an error with ``patient``: that patient is set aside; an error without: the import cannot go
            on; warnings.
        notes: what was done, in sentences, without identifiers or values.
        absent: table -> the join keys of patients whom another table knows and this one does not, sorted.
    """

    clinical: pd.DataFrame
    visits: pd.DataFrame
    places: Mapping[str, str]
    join: Joining
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
