"""The command ``fedchemo server``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.server.options import with_run_options
from fedchemo.shared.configuration import RunConfiguration

server = typer.Typer(
    help="Coordinate a federation.", no_args_is_help=True, rich_markup_mode="rich", add_completion=False
)


@server.callback()
def _group() -> None:
    """Coordinate a federation."""


@server.command()
@with_run_options
def start(
    configuration: RunConfiguration,
    federation: Annotated[Path, typer.Option(help="Folder made by `fedchemo provision`.")],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    listen: Annotated[
        str | None, typer.Option(help="Address to listen on. (default: the federation's)")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: the federation's)")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Wait for the quorum of sites, run the rounds, and write the run folder."""
    from rich.console import Console

    from fedchemo.server.coordinate import coordinate
    from fedchemo.server.summary import POOLED, table
    from fedchemo.server.view import RunView

    console = Console(stderr=as_json)
    with RunView(console).shown() as view:
        outcome, figures = coordinate(
            federation, configuration, out, listen=listen, port=port, overwrite=overwrite, listeners=[view]
        )
    if as_json:
        typer.echo((out / "summary.json").read_text())
        return
    title = f"round {outcome.best} of {configuration.rounds} is the best on validation patients"
    heard, of = len(set(figures["model"]) - {POOLED}), len(outcome.opening.roles)
    note = f"; {heard} of {of} sites have enough patients of each class to send scores"
    console.print(table(figures, title=title, note=note))
    console.print(f"Results: {out}  (model.safetensors, summary.json, events.jsonl)", soft_wrap=True)
