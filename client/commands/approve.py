"""The command ``fedchemo client approve``: a person says yes or no to a run that asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fedchemo.client.commands.state import KIT, STATE


def approve(
    run: Annotated[
        str | None, typer.Argument(help="The run's number or name, as listed. (default: list them)")
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Say no, or take back a yes.")] = False,
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """Take part in a run that asks, or not; a client that runs heeds it at the run's next request."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fedchemo.client.approvals.record import Record
    from fedchemo.client.state_folder import StatePaths

    record = Record(StatePaths.find(state, kit).approvals)
    console = Console(highlight=False, soft_wrap=True)
    if run is not None:
        asked = record.find(run)
        record.decide(asked.identity, "denied" if deny else "approved")
        said = "does not take part" if deny else "takes part"
        console.print(
            escape(f'this hospital {said} in the run "{asked.run}" ({asked.number}): {asked.purpose}')
        )
        return
    runs = list(record.read().values())
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in runs], indent=1))
        return
    if not runs:
        console.print("no run has asked yet")
        return
    table = Table(
        "number", "run", "answer", "asked", "purpose", "what it does", "model", box=None, padding=(0, 1)
    )
    for one in runs:
        table.add_row(
            one.number,
            escape(one.run),
            one.decision,
            f"{one.asked.astimezone():%Y-%m-%d %H:%M}",
            escape(one.purpose or "none stated"),
            escape(one.settings),
            f"{one.fingerprint[:12]}…",
        )
    console.print(table)
    console.print("to say yes: fedchemo client approve NUMBER; to say no: the same with --deny")
