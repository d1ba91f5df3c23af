"""What may be said aloud: problems and sentences with pseudonyms instead of patients, and no path of an image."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedchemo.client.cohort.problems import Problem

# Shorter ones would take digits out of ordinary sentences, and identify nobody by themselves.
_SHORTEST = 4


@dataclass(frozen=True)
class Told:
    """A problem that may be shown.

    Attributes:
        code: of the catalogue.
        severity: ``error`` or ``warning``.
        patient: the pseudonym; None if it is about no one patient, or about one without a pseudonym.
        place: table, row and column, as far as it is about a table; the visit if it is about an examination.
        what: what is wrong.
        remedy: what to do.
    """

    code: str
    severity: str
    patient: str | None
    place: str
    what: str
    remedy: str

    def __str__(self) -> str:
        who = ", ".join(part for part in (self.patient, self.place) if part)
        return (
            f"{self.code} {who}: {self.what}. {self.remedy}"
            if who
            else f"{self.code} {self.what}. {self.remedy}"
        )


class Words:
    """Turns what the readers say into what may be shown.

    Readers promise to name nobody in a sentence; here identifiers that are known are taken out all the same.

    Args:
        tables: the tables and mappings of the import, whose names may be shown.
        secrets: identifiers of patients, as images and tables have them.
    """

    def __init__(self, tables: Collection[Path], secrets: Iterable[str]) -> None:
        self._tables = {str(path): path.name for path in tables}
        self._tables |= {path.name: path.name for path in tables}
        long = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=lambda s: (-len(s), s))
        self._secrets = (
            re.compile(
                "|".join(rf"(?<![A-Za-z0-9]){re.escape(s)}(?![A-Za-z0-9])" for s in long), re.IGNORECASE
            )
            if long
            else None
        )

    def clean(self, sentence: str) -> str:
        """Return a sentence without the identifiers that are known."""
        return sentence if self._secrets is None else self._secrets.sub("[…]", sentence)

    def told(self, problem: Problem, pseudonym: str | None) -> Told:
        """Return a problem as it may be shown.

        Args:
            problem: with sources.
            pseudonym: of the patient it is about.
        """
        table = self._tables.get(problem.file) or next(
            (name for path, name in self._tables.items() if problem.file.startswith(f"{path} ")), None
        )
        parts = [table] if table else []
        if table and problem.row is not None:
            parts.append(f"row {problem.row}")
        if problem.column is not None:
            parts.append(f"column {problem.column}" if table else problem.column)
        return Told(
            problem.code,
            problem.severity,
            pseudonym,
            self.clean(", ".join(parts)),
            self.clean(problem.what),
            self.clean(problem.remedy),
        )


def with_sources(problem: Problem, pseudonym: str | None) -> dict[str, Any]:
    """Return all of a problem, for the hospital's own report."""
    found: Mapping[str, Any] = asdict(problem)
    return {**found, "pseudonym": pseudonym}
