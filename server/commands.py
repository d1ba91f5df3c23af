"""The command ``fedchemo server``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.server.options import with_run_options
from fedchemo.server.tracking.tracked import MlflowOption, TensorboardOption, Tracking
from fedchemo.shared.configuration import RunConfiguration

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.server.rounds.loop import Outcome
    from fedchemo.server.summary import Rows

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
    mlflow: MlflowOption = None,
    tensorboard: TensorboardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Wait for the quorum of sites, run the rounds, and write the run folder."""
    from rich.console import Console

    from fedchemo.server.coordinate import coordinate
    from fedchemo.server.view import RunView

    console = Console(stderr=as_json)
    tracking = Tracking(mlflow, tensorboard)
    with tracking.of(out.name, console.print) as tracked, RunView(console).shown() as view:
        done = coordinate(
            federation,
            configuration,
            out,
            listen=listen,
            port=port,
            overwrite=overwrite,
            listeners=[view, *tracked],
        )
    _show(console, out, configuration.rounds, done, as_json=as_json)


@server.command()
def resume(
    run: Annotated[Path, typer.Argument(help="The run folder, as given to --out.", metavar="RUN")],
    federation: Annotated[
        Path | None, typer.Option(help="Folder made by `fedchemo provision`. (default: where it was)")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Address to listen on. (default: as before)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: as before)")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Go on with other versions; marks the run as not reproducible.")
    ] = False,
    mlflow: MlflowOption = None,
    tensorboard: TensorboardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Go on with a run that was interrupted, to the same model as if it had not been."""
    from rich.console import Console

    from fedchemo.server.coordinate import resume as go_on
    from fedchemo.server.view import RunView

    console = Console(stderr=as_json)
    tracking = Tracking(mlflow, tensorboard)
    with tracking.of(run.name, console.print) as tracked, RunView(console).shown() as view:
        taken, done = go_on(
            run, federation=federation, listen=listen, port=port, force=force, listeners=[view, *tracked]
        )
    if done is None:
        console.print(f"{run} has ended: there is nothing to resume.", soft_wrap=True)
    _show(console, run, taken.begun.configuration.rounds, done, as_json=as_json)


@server.command()
@with_run_options
def check(
    configuration: RunConfiguration,
    federation: Annotated[Path, typer.Option(help="Folder made by `fedchemo provision`.")],
    out: Annotated[Path, typer.Option(help="Where run folders go.")] = Path(),
    listen: Annotated[
        str | None, typer.Option(help="Address to listen on. (default: the federation's)")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: the federation's)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON.")] = False,
) -> None:
    """Check certificate, roster, kits, port, disk, memory and clock for a run, and say what to do about each.

    Opens no port for longer than a moment. The status is 1 if a line fails.
    """
    import json

    from rich.console import Console

    from fedchemo.server.check import Place, check_server
    from fedchemo.shared.findings import table, verdict_in_words, worst

    found = check_server(Place(federation, configuration, out, listen, port))
    if as_json:
        typer.echo(json.dumps({"verdict": worst(found), "lines": [one.to_dict() for one in found]}, indent=1))
    else:
        console = Console(highlight=False)
        console.print(table(found))
        console.print(verdict_in_words(found))
    if worst(found) == "fail":
        raise typer.Exit(1)


def _show(
    console: Console,
    out: Path,
    rounds: int,
    done: tuple[Outcome, Mapping[str, Rows]] | None,
    *,
    as_json: bool,
) -> None:
    """Write the model card, print what a run ended with, if it ended now, and where the rest is."""
    from fedchemo.server.account import read_account
    from fedchemo.server.model_card import write_model_card
    from fedchemo.server.summary import POOLED, table

    write_model_card(read_account(out))
    if as_json:
        typer.echo((out / "summary.json").read_text(encoding="utf-8"))
        return
    if done is not None:
        outcome, figures = done
        title = f"round {outcome.best} of {rounds} is the best on validation patients"
        heard, of = len(set(figures["model"]) - {POOLED}), len(outcome.opening.roles)
        note = f"; {heard} of {of} sites have enough patients of each class to send scores"
        console.print(table(figures, title=title, note=note))
    console.print(
        f"Results: {out}  (model.safetensors, summary.json, model_card.md, events.jsonl)", soft_wrap=True
    )
    console.print(f"As one page with figures: fedchemo report {out}", soft_wrap=True)
