"""What a check of one side found: lines that pass, warn or fail, and what to do about each.

`fedchemo client check` and `fedchemo server check` print the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    from rich.table import Table

Verdict = Literal["pass", "warn", "fail"]
_STYLES: dict[Verdict, str] = {"pass": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        part: what was looked at, such as ``network``.
        name: what of it, such as ``port``.
        verdict: ``pass``, ``warn`` (it works, but not for long or not well) or ``fail``.
        what: what was found.
        remedy: what to do; empty if nothing.
        code: of the catalogue; empty if it has none.
    """

    part: str
    name: str
    verdict: Verdict
    what: str
    remedy: str = ""
    code: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return what ``--json`` prints."""
        return {key: getattr(self, key) for key in ("part", "name", "verdict", "what", "remedy", "code")}


@dataclass(frozen=True)
class Part:
    """Makes the lines of one part of a check.

    Args:
        name: of the part.
    """

    name: str

    def passes(self, name: str, what: str) -> Finding:
        """Return a line that passes."""
        return Finding(self.name, name, "pass", what)

    def warns(self, name: str, what: str, remedy: str, *, code: str = "") -> Finding:
        """Return a line that warns."""
        return Finding(self.name, name, "warn", what, remedy, code)

    def fails(self, name: str, what: str, remedy: str, *, code: str = "") -> Finding:
        """Return a line that fails."""
        return Finding(self.name, name, "fail", what, remedy, code)

    def error(self, name: str, error: FedchemoError, *, verdict: Verdict = "fail") -> Finding:
        """Return the line of a numbered error; the catalogue says what to do."""
        return Finding(
            self.name, name, verdict, f"{error.entry.title}: {error.what}", error.entry.remedy, error.code
        )


def guarded(part: Part, lines: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the lines of a part; what it raises becomes a line, so that the other parts are looked at too."""
    try:
        yield from lines()
    except FedchemoError as error:
        yield part.error(part.name, error)
    except Exception as error:  # noqa: BLE001 - a check that meets what it did not foresee must not hide the others
        yield part.error(part.name, FedchemoError("FC099", f"{type(error).__name__}: {error}"))


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the gravest verdict."""
    verdicts = {finding.verdict for finding in findings}
    return "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"


def table(findings: Sequence[Finding]) -> Table:
    """Return the lines as a table: what was looked at, the verdict, what was found and, below that, what to do."""
    from rich.markup import escape
    from rich.table import Table

    made = Table("", "", "", box=None, padding=(0, 1), show_header=False)
    before = ""
    for finding in findings:
        style = _STYLES[finding.verdict]
        code = f" ({finding.code})" if finding.code else ""
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        made.add_row(
            f"[{style}]{finding.verdict}[/]",
            f"[bold]{finding.part if finding.part != before else ''}[/]",
            escape(f"{finding.name}: {finding.what}{code}{remedy}"),
        )
        before = finding.part
    return made


def verdict_in_words(findings: Sequence[Finding]) -> str:
    """Return one sentence, such as "14 pass, 1 warns, 1 fails"."""
    counts = [sum(finding.verdict == verdict for finding in findings) for verdict in ("pass", "warn", "fail")]
    return f"{counts[0]} pass, {counts[1]} warn, {counts[2]} fail"
