"""The command ``fedchemo data import``: from a hospital's tables and images to a site folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from fedchemo.client.importing.site.readers import Watch

INPUT, RESULT = "Input", "Result"


def import_data(
    table: Annotated[
        list[Path],
        typer.Option(
            help="Table of patients: CSV, TSV, XLSX, XLS, Parquet. May be repeated.", rich_help_panel=INPUT
        ),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder with DICOM or NIfTI files, in any nesting. May be repeated.", rich_help_panel=INPUT
        ),
    ] = None,
    columns: Annotated[
        list[Path] | None,
        typer.Option(
            help="Mapping (TOML) of the tables' columns to ours. May be repeated. (default: published ones)",
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The site folder to make or renew.", rich_help_panel=RESULT)
    ] = None,
    guess: Annotated[
        Path | None,
        typer.Option(
            help="Write a proposed mapping for the tables into this file, show it, and import nothing.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The site's name. (default: the folder's)", rich_help_panel=RESULT)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="What the patients were collected for, such as a trial.", rich_help_panel=RESULT),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the pseudonym key and the report. (default: the user's state folder)",
            rich_help_panel=RESULT,
        ),
    ] = None,
    early_s: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds after the contrast agent of the early phase.", rich_help_panel=INPUT
        ),
    ] = 150.0,
    late_s: Annotated[
        float, typer.Option(min=0, help="The same of the late phase.", rich_help_panel=INPUT)
    ] = 450.0,
    crosswalk: Annotated[
        Path | None,
        typer.Option(help="Write who is who into this CSV file, for your eyes only.", rich_help_panel=RESULT),
    ] = None,
    prediction_only: Annotated[
        bool,
        typer.Option(
            "--prediction-only", help="Take a cohort whose outcomes are not known.", rich_help_panel=RESULT
        ),
    ] = False,
    remove_gone: Annotated[
        bool,
        typer.Option(
            "--remove-gone",
            help="Remove patients and examinations that the input no longer has.",
            rich_help_panel=RESULT,
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Examinations side by side, a process each. (default: cores)"),
    ] = None,
    show_sources: Annotated[
        bool,
        typer.Option(
            "--show-sources", help="Print the hospital's identifiers and files beside each problem."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the summary.")] = False,
) -> None:
    """Make a site folder from tables and images: checked, joined and de-identified.

    Patients that cannot be used are set aside with the reason; the others go on. An import that was interrupted
    goes on where it was. Nothing leaves this machine.
    """
    import json
    import os

    from rich.console import Console

    from fedchemo.client.importing.contract import Timing
    from fedchemo.shared.errors import FedchemoError

    console = Console(stderr=True, highlight=False)
    if guess is not None:
        _guess(table, guess, as_json=as_json)
        return
    if out is None:
        raise FedchemoError("FC001", "fedchemo data import needs --out, the site folder to make")

    from fedchemo.client.importing.site import ImportRequest, import_site
    from fedchemo.client.importing.site.summary import show, show_sources_of
    from fedchemo.client.importing.site.workers import hush

    request = ImportRequest(
        out=out,
        tables=tuple(table),
        images=tuple(images or ()),
        mappings=tuple(columns or ()),
        name=name,
        dataset=dataset,
        state=state,
        timing=Timing(early_s, late_s),
        crosswalk=crosswalk,
        prediction_only=prediction_only,
        remove_gone=remove_gone,
        workers=workers or min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1),
    )
    hush()
    with _watching(console) as watch:
        outcome = import_site(request, watch=watch)
    if as_json:
        content = outcome.to_dict()
        if show_sources:
            content["sources"] = json.loads(outcome.report.read_text(encoding="utf-8"))
        typer.echo(json.dumps(content, indent=1, allow_nan=False, default=str))
        return
    printer = Console(highlight=False)
    show(outcome, printer)
    if show_sources:
        show_sources_of(outcome.report, printer)


def _guess(tables: list[Path], target: Path, *, as_json: bool) -> None:
    """Propose a mapping for one table, show what it would do, and write it."""
    import json

    from rich.console import Console

    from fedchemo.client.importing.tables.guess import guess
    from fedchemo.client.importing.tables.guess_view import view
    from fedchemo.shared.atomic import write_text
    from fedchemo.shared.errors import FedchemoError

    if len(tables) != 1:
        raise FedchemoError("FC001", "--guess proposes the mapping of one --table at a time")
    if not tables[0].is_file():
        raise FedchemoError("FC002", f"{tables[0]} is no file")
    if target.exists():
        raise FedchemoError("FC003", f"{target} is there already")
    found = guess(tables[0])
    if found.columns_toml:
        write_text(target, found.columns_toml)
    if as_json:
        typer.echo(
            json.dumps({"known": found.known or None, "mapping": found.columns_toml or None}, indent=1)
        )
    else:
        console = Console(highlight=False)
        console.print(view(found))
        if found.columns_toml:
            console.print(
                f"Next: correct {target} where it says so, then import with --columns {target}",
                soft_wrap=True,
            )
    if not found.columns_toml and not found.known:
        code = found.problems[0].code if found.problems else "FC135"
        raise FedchemoError(code, f"{tables[0].name}: no mapping can be proposed")


@contextlib.contextmanager
def _watching(console: Console) -> Iterator[Watch]:
    """Show a bar for each stage of the import, as it comes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done, total=total)

        yield watch
