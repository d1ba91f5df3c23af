"""The commands ``fedchemo client ledger show | verify | export``: for the data officer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fedchemo.client.commands.state import KIT, STATE

if TYPE_CHECKING:
    from fedchemo.client.ledger.line import Line

ledger = typer.Typer(
    help="What left this hospital.", no_args_is_help=True, rich_markup_mode="rich", add_completion=False
)

RUN = typer.Option(help="Only the lines of this run.")


@ledger.command()
def show(
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
    run: Annotated[str | None, RUN] = None,
    sent: Annotated[bool, typer.Option("--sent", help="Only what left the hospital.")] = False,
    last: Annotated[int, typer.Option(help="Only the last lines; 0 is all.", min=0)] = 50,
) -> None:
    """Show what happened and what left, the newest last."""
    from rich.console import Console
    from rich.markup import escape

    from fedchemo.client.ledger.table import as_table, summary

    lines = [line for line in _lines(state, kit, run) if not sent or line.event == "sent"]
    console = Console(highlight=False)
    console.print(as_table(lines[-last:]))
    if len(lines) > last > 0:
        console.print(f"the last {last} of {len(lines)} lines; --last 0 shows all")
    console.print(escape(summary(lines)), soft_wrap=True)


@ledger.command()
def verify(
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
    line: Annotated[
        int | None, typer.Option(help="A line's number that you wrote down elsewhere.", min=1)
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="The hash that you wrote down with it.")] = None,
) -> None:
    """Say whether lines were changed, removed, added or moved; the exit status is 1 if so."""
    from rich.console import Console
    from rich.markup import escape

    from fedchemo.client.ledger.verify import verify as examine
    from fedchemo.client.state_folder import StatePaths
    from fedchemo.shared.errors import FedchemoError

    if (line is None) != (sha256 is None):
        raise FedchemoError("FC001", "--line and --sha256 belong together")
    paths = StatePaths.find(state, kit)
    found = examine(paths.ledger, paths.ledger_head)
    if line is not None and found.known.get(line) != (sha256 or "").strip().lower():
        found.note(f"line number {line} is not the one that you wrote down")
    if found.problems:
        raise FedchemoError("FC941", "\n".join([str(paths.ledger), *(f"  {one}" for one in found.problems)]))
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        escape(f"{paths.ledger}: {found.lines} lines, each holds on to the one before; nothing was changed")
    )
    if found.torn or found.tail:
        console.print(
            f"{found.torn + bool(found.tail)} line(s) were cut short by a crash, and are accounted for"
        )
    if found.beyond:
        console.print(
            f"{found.beyond} line(s) at the end are not in the head record yet: the client is writing, or a crash came "
            "between"
        )
    console.print(
        "To prove later that nothing up to here was rewritten, write this down elsewhere:\n"
        f"  fedchemo client ledger verify --line {found.lines} --sha256 {found.last}"
    )


@ledger.command()
def export(
    out: Annotated[Path, typer.Option(help="The file to write.")],
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
    run: Annotated[str | None, RUN] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv or text. (default: csv if the file's name ends so)")
    ] = None,
) -> None:
    """Write the ledger to a file for a spreadsheet or a printer."""
    from fedchemo.client.ledger.table import as_csv, as_text
    from fedchemo.shared.atomic import write_text
    from fedchemo.shared.errors import FedchemoError

    chosen: Literal["csv", "text"] = "csv" if (form or out.suffix[1:]) == "csv" else "text"
    if form not in {None, "csv", "text"}:
        raise FedchemoError("FC001", f"--format is csv or text, not {form:.20}")
    if out.exists():
        raise FedchemoError("FC003", str(out))
    lines = _lines(state, kit, run)
    write_text(out, as_csv(lines) if chosen == "csv" else as_text(lines), mode=0o600)
    typer.echo(f"{out}: {len(lines)} lines")


def _lines(state: Path | None, kit: Path | None, run: str | None) -> list[Line]:
    from fedchemo.client.ledger.verify import read_lines
    from fedchemo.client.state_folder import StatePaths

    lines = read_lines(StatePaths.find(state, kit).ledger)
    return [line for line in lines if run is None or line.run == run]
