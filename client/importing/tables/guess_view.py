"""A proposal on the screen: which column becomes what, and how many of its values are understood."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table as Shown
from rich.text import Text

from fedchemo.client.importing.tables.extract import TableReading
from fedchemo.client.importing.tables.guess import Guess
from fedchemo.client.importing.tables.mapping import KINDS
from fedchemo.client.importing.tables.proposal import Proposal


def view(guess: Guess) -> Group:
    """Return a proposal to be printed with rich; it holds no identifier and no value of a patient."""
    parts: list[Shown | Text] = [Text(f"{guess.file.name}", style="bold")]
    parts += [
        Text(f"{problem.code}: {problem.what}. {problem.remedy}", style="red") for problem in guess.problems
    ]
    if guess.known:
        parts.append(Text(f"This table is known: it is read by the shipped mapping {guess.known}."))
    reasons = {(proposal.visit, proposal.variable): proposal for proposal in guess.proposals}
    for reading in guess.readings:
        parts += [_shown(reading, reasons), _summary(reading)]
    if guess.unused:
        parts.append(
            Text(f"Not used: {', '.join(' '.join(name.split()) for name in guess.unused)}", style="dim")
        )
    return Group(*parts)


def _shown(reading: TableReading, reasons: dict[tuple[str | None, str], Proposal]) -> Shown:
    shown = Shown(title=f"{reading.table.where}: {reading.mapping.title}", title_justify="left")
    for name in (
        "Ours",
        "Column",
        "Unit or codes",
        "Values",
        "Missing",
        "Not understood",
        "What it becomes",
    ):
        shown.add_column(name, overflow="fold")
    shown.add_column("Why, and what to check", overflow="fold")
    rows = sum(len(rows) for rows in reading.rows.values())
    for visit, name, variable in reading.mapping.variables():
        said = [
            one.value
            for patient in reading.said.values()
            for (at, variable_said), each in patient.items()
            if variable_said == name and visit in {"*", at}
            for one in each
        ]
        refused = sum(
            problem.column == variable.columns[0] and problem.code in {"FC140", "FC141", "FC142"}
            for problem in reading.problems
        )
        numbers = sorted(value for value in said if isinstance(value, float))
        words = sorted({str(value) for value in said if isinstance(value, str)})
        # Not the extremes, which are somebody's, and no free text: what is shown must not be a patient's.
        extent = f"{len(words)} different" if name == "arm" else ", ".join(words)
        if numbers:
            low, middle, high = (numbers[round(share * (len(numbers) - 1))] for share in (0.25, 0.5, 0.75))
            extent = f"middle half {low:.3g} to {high:.3g}, median {middle:.3g}"
            if KINDS[name] == "binary":
                extent = f"{sum(numbers):g} yes, {len(numbers) - sum(numbers):g} no"
        proposal = reasons.get((visit, name))
        why = "" if proposal is None else "; ".join(filter(None, (proposal.reason, proposal.unsure.upper())))
        codes = ", ".join(f"{code} = {meaning}" for code, meaning in variable.codes.items())
        shown.add_row(
            name if visit in {None, "*"} else f"{name} {visit}",
            " ".join(" / ".join(variable.columns).split()),
            variable.unit or codes,
            str(len(said)),
            str(max(0, rows - len(said) - refused)),
            str(refused),
            extent,
            why,
            style="yellow" if proposal is not None and proposal.unsure else None,
        )
    return shown


def _summary(reading: TableReading) -> Text:
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    text = f"{len(reading.rows)} patients by {reading.joining.rule}; {len(errors)} errors, "
    text += f"{len(reading.problems) - len(errors)} warnings."
    for problem in [problem for problem in errors if problem.patient is None][:5]:
        text += f"\n{problem.code} column {problem.column}: {problem.what}. {problem.remedy}"
    return Text(text)
