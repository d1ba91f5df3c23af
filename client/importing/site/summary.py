"""What came of an import, for whoever ran it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.importing.site.outcome import Outcome
from fedchemo.client.importing.site.words import Told

if TYPE_CHECKING:
    from rich.console import Console

_EACH = 6
"""Of what is long, this much is shown; the report has the rest."""


def show(outcome: Outcome, console: Console) -> None:
    """Print the summary of an import; it names patients by pseudonym only."""
    from rich.markup import escape
    from rich.table import Table

    unknown = outcome.patients - outcome.positives - outcome.negatives
    visits = ", ".join(f"{visit} {count}" for visit, count in outcome.examinations.items())
    table = Table(
        title=escape(f"{outcome.site} of {outcome.dataset}"), title_justify="left", show_header=False
    )
    table.add_column()
    table.add_column(overflow="fold")
    outcomes = f"pCR {outcome.positives}, no pCR {outcome.negatives}"
    table.add_row(
        "patients", f"{outcome.patients}: {outcomes}" + (f", not known {unknown}" if unknown else "")
    )
    table.add_row("with images", f"{outcome.with_images}" + (f" (examinations: {visits})" if visits else ""))
    table.add_row("this time", f"{outcome.written} examinations written, {outcome.unchanged} unchanged")
    if outcome.removed_patients or outcome.removed_examinations:
        gone = f"{outcome.removed_patients} patients and {outcome.removed_examinations} examinations"
        table.add_row("removed", f"{gone} of an earlier import")
    table.add_row("only in the tables", str(outcome.tables_only))
    if outcome.images_only:
        table.add_row("only in the images", f"{len(outcome.images_only)}: {_some(outcome.images_only)}")
    if outcome.volumes:
        table.add_row("tumour volume from", escape(_counted(outcome.volumes, "; ")))
    console.print(table)
    _problems(console, "Set aside", outcome.set_aside, "red")
    _problems(console, "Examinations not taken", outcome.not_taken, "red")
    _problems(console, "Warnings", outcome.warnings, "yellow")
    _sentences(console, "Taken", outcome.taken)
    _sentences(console, "Left", outcome.left)
    _sentences(console, "Done", outcome.done)
    _sentences(console, "Tables", dict.fromkeys(outcome.notes, 0), each=2 * _EACH)
    if outcome.exposed:
        names = _counted(dict(list(outcome.exposed.items())[: 2 * _EACH]), ", ")
        more = f" and {len(outcome.exposed) - 2 * _EACH} more" if len(outcome.exposed) > 2 * _EACH else ""
        console.print(
            f"[bold]Identifying attributes in the source files[/], none of them kept (files): {escape(names)}{more}"
        )
    if outcome.burned_in:
        console.print(
            f"[bold yellow]A name may be written in the pixels[/] of {len(outcome.burned_in)} series:"
        )
        for sentence in outcome.burned_in[:_EACH]:
            console.print(f"  {escape(sentence)}")
    console.print(f"Site folder: {escape(str(outcome.out))}", soft_wrap=True)
    console.print(f"Sources and reasons, for your eyes only: {escape(str(outcome.report))}", soft_wrap=True)
    console.print(f"Next: fedchemo data validate {escape(str(outcome.out))}", soft_wrap=True)


def show_sources_of(report: Path, console: Console) -> None:
    """Print who is behind the pseudonyms of the problems, from the hospital's own report."""
    from rich.table import Table
    from rich.text import Text

    story = json.loads(report.read_text(encoding="utf-8"))
    table = Table(
        "pseudonym", "patient", "source", "value", title="Sources, for your eyes only", title_justify="left"
    )
    for problem in (*story.get("set_aside", ()), *story.get("not_taken", ())):
        row = "" if problem["row"] is None else f" row {problem['row']}"
        cells = (problem["pseudonym"], problem["patient"], problem["file"] + row, problem["value"])
        table.add_row(*(Text(str(cell or "")) for cell in cells))
    console.print(table)


def _problems(console: Console, title: str, problems: Sequence[Told], colour: str) -> None:
    """Print problems by reason, the most frequent first, with who has them."""
    from rich.markup import escape

    if not problems:
        return
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        who = ", ".join(part for part in (problem.patient, problem.place) if part)
        reasons.setdefault((problem.code, problem.what, problem.remedy), []).append(who)
    console.print(f"[bold {colour}]{title}[/]: {len(problems)}")
    ordered = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    for (code, what, remedy), found in ordered[: 2 * _EACH]:
        console.print(f"  [bold]{code}[/] {len(found)} x {escape(what)}. {escape(remedy)}.", soft_wrap=True)
        named = [who for who in found if who]
        if named:
            console.print(f"    {escape(_some(named, '; '))}", soft_wrap=True)
    if len(ordered) > 2 * _EACH:
        console.print(f"  and {len(ordered) - 2 * _EACH} other reasons, in the report")


def _sentences(console: Console, title: str, sentences: Mapping[str, int], each: int = _EACH) -> None:
    from rich.markup import escape

    if not sentences:
        return
    console.print(f"[bold]{title}[/]")
    ordered = sorted(sentences.items(), key=lambda item: -item[1])
    for sentence, count in ordered[:each]:
        console.print(f"  {f'{count} x ' if count else ''}{escape(sentence)}", soft_wrap=True)
    if len(ordered) > each:
        console.print(f"  and {len(ordered) - each} more, in the report")


def _some(names: Sequence[str], mark: str = ", ") -> str:
    listed = mark.join(names[:_EACH])
    return listed if len(names) <= _EACH else f"{listed}{mark}and {len(names) - _EACH} more"


def _counted(counts: Mapping[str, int], mark: str) -> str:
    return mark.join(f"{name} ({count})" for name, count in counts.items())
