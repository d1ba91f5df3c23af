"""What can be wrong with a site folder, said so that whoever exports the data can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fedchemo.shared.errors import FedchemoError

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: of the catalogue, FC1xx.
        severity: an error keeps what it is about from being used: the site, or, where it names a row or a patient,
            that one alone. A warning does not.
        file: the file or folder.
        row: as a spreadsheet counts: the header is row 1; None if it is not about a row.
        column: the column's name; None if it is not about a column.
        value: what stands there; None if nothing in particular.
        what: what is wrong with it.
        remedy: what to do.
        patient: whom it concerns; None if it is about more than one patient.
    """

    code: str
    severity: Severity
    file: str
    row: int | None
    column: str | None
    value: str | None
    what: str
    remedy: str
    patient: str | None = None

    def __str__(self) -> str:
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column}")
        found = "" if self.value is None else f"{_shown(self.value)} "
        return f"{self.code} {', '.join(place)}: {found}{self.what}. {self.remedy}"

    @property
    def told(self) -> str:
        """The problem of a site that takes part, in a line for its screen."""
        if self.severity == "warning":
            return f"warning: {self}"
        return f"set aside{f' {self.patient}' if self.patient else ''}: {self}"


class SiteProblems(FedchemoError):  # noqa: N818 - it holds problems
    """A site folder that cannot be used as it is, with every error in it (FC101).

    Args:
        problems: what was found; warnings may be among them.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = sum(problem.severity == "error" for problem in self.problems)
        count = "1 error" if errors == 1 else f"{errors} errors"
        super().__init__("FC101", "\n".join([count, *(f"  {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[type[SiteProblems], tuple[tuple[Problem, ...]]]:  # type: ignore[override]
        """Errors cross process borders in the parallel engines."""
        return type(self), (self.problems,)


def error(
    code: str,
    file: object,
    what: str,
    remedy: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
    patient: str | None = None,
) -> Problem:
    """Return a problem that keeps the site from taking part."""
    return Problem(code, "error", str(file), row, column, value, what, remedy, patient)


def warning(
    code: str,
    file: object,
    what: str,
    remedy: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
    patient: str | None = None,
) -> Problem:
    """Return a problem that the site can live with."""
    return Problem(code, "warning", str(file), row, column, value, what, remedy, patient)


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else f"{value[:40]}…")
