"""The commands ``fedchemo client policy show | check | path``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.client.commands.state import KIT, STATE

policy = typer.Typer(
    help="What this hospital allows.", no_args_is_help=True, rich_markup_mode="rich", add_completion=False
)


@policy.command()
def show(
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the policy as JSON.")] = False,
) -> None:
    """Show every key, its value, its default and what it means."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fedchemo.client.policy import Policy
    from fedchemo.client.policy.file import read
    from fedchemo.client.policy.keys import SECTIONS

    file = _file(state, kit)
    found = read(file)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    values, defaults = found.model_dump(mode="json"), Policy().model_dump(mode="json")
    table = Table("key", "value", "default", "what it means", box=None, padding=(0, 1))
    for section, keys in SECTIONS.items():
        table.add_row(f"[bold]{section}[/]")
        for key in keys:
            value, default = values[key.name], defaults[key.name]
            style = "" if value == default else "[yellow]"
            table.add_row(key.name, f"{style}{escape(str(value))}", escape(str(default)), escape(key.meaning))
    console = Console(highlight=False)
    console.print(table)
    console.print(escape(str(file)), soft_wrap=True)


@policy.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A policy file. (default: the state folder's)")] = None,
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
) -> None:
    """Say whether the policy can be used, and everything that is wrong with it."""
    from rich.console import Console
    from rich.markup import escape

    from fedchemo.client.policy.file import read

    file = file or _file(state, kit)
    read(file)
    Console(highlight=False, soft_wrap=True).print(
        escape(f"{file} is right; a client that runs already keeps the policy it started with")
    )


@policy.command()
def path(state: Annotated[Path | None, STATE] = None, kit: Annotated[Path | None, KIT] = None) -> None:
    """Print where the policy lies; it is made with safe defaults if it is not there."""
    from fedchemo.client.policy.file import ensure

    file = _file(state, kit)
    ensure(file)
    typer.echo(str(file))


def _file(state: Path | None, kit: Path | None) -> Path:
    from fedchemo.client.state_folder import StatePaths

    return StatePaths.find(state, kit).policy
