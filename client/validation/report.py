"""What validation says about a site folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from fedchemo.client.cohort import Cohort, Problem
from fedchemo.client.validation.images import Examined
from fedchemo.shared.catalogue import CATALOGUE

What = Literal["patient", "image", "measurement", "row"]


@dataclass(frozen=True)
class SetAside:
    """What is not used, and why; all else of the site is.

    Attributes:
        patient: the pseudonym; None for a row that names nobody.
        row: of the table; None for an image.
        what: the whole patient, an image, a row of measurements in ``visits.csv``, or a row of ``clinical.csv``
            that names nobody.
        codes: of the errors.
        why: in words, an error after the other.
    """

    patient: str | None
    row: int | None
    what: What
    codes: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Validation:
    """The result.

    Attributes:
        folder: the site folder.
        site: its name; empty if it could not be read.
        dataset: of the site.
        usable: whether the site may take part in training.
        counts: patients, labelled, pcr, train, validation, test, images, images_checked, as far as they are known.
        problems: all of them, errors first, by code, place and patient.
        cohort: the site as far as it can be read; None if it cannot be.
        examined: its visits, if images were read.
    """

    folder: Path
    site: str
    dataset: str
    usable: bool
    counts: Mapping[str, int]
    problems: tuple[Problem, ...]
    cohort: Cohort | None = field(default=None, repr=False)
    examined: tuple[Examined, ...] = field(default=(), repr=False)

    @property
    def errors(self) -> int:
        """The number of errors."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """What of the site is not used, sorted."""
        groups: dict[tuple[What, str, int | None], list[Problem]] = {}
        for problem in self.problems:
            if problem.severity == "error" and (what := _what(problem)):
                row = problem.row if what != "patient" else None
                groups.setdefault((what, problem.patient or "", row), []).append(problem)
        return tuple(
            SetAside(
                patient=patient or None,
                row=row,
                what=what,
                codes=tuple(dict.fromkeys(problem.code for problem in found)),
                why="; ".join(dict.fromkeys(_why(problem) for problem in found)),
            )
            for (what, patient, row), found in sorted(groups.items(), key=lambda item: str(item[0]))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "folder": str(self.folder),
            "site": self.site,
            "dataset": self.dataset,
            "usable": self.usable,
            "errors": self.errors,
            "warnings": len(self.problems) - self.errors,
            "counts": dict(self.counts),
            "set_aside": [asdict(item) for item in self.set_aside],
            "problems": [{"title": CATALOGUE[p.code].title, **asdict(p)} for p in self.problems],
        }


def ordered(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return problems once each: errors first, then by code, place and patient."""
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(
            unique, key=lambda p: (p.severity, p.code, p.patient or "", p.file, p.row or 0, p.column or "")
        )
    )


def _what(problem: Problem) -> What | None:
    name = Path(problem.file).name
    if problem.row is not None and problem.row > 1:
        if name == "visits.csv":
            return "measurement"
        return "patient" if problem.patient else "row"
    return "image" if problem.patient and not name.endswith((".csv", ".toml")) else None


def _why(problem: Problem) -> str:
    value = "" if problem.value is None else f" {problem.value}"
    return f"{problem.column or ''}{value} {problem.what}".strip()
