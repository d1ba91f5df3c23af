"""The command ``fedchemo``: it finds its sub-commands through entry points and turns errors into words."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated

import click
import typer
from typer.core import TyperGroup

GROUP = "fedchemo.commands"

# The order in `fedchemo --help`: first what a newcomer runs.
ORDER = (
    *("simulate", "split", "provision", "server", "client", "data"),
    *("evaluate", "predict", "report", "explain-error"),
)


class Root(TyperGroup):
    """A group whose commands are loaded when they are needed: no room is imported for another room's command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102, ARG002
        names = {point.name for point in entry_points(group=GROUP)}
        return [name for name in ORDER if name in names] + sorted(names - set(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102, ARG002
        found = [point for point in entry_points(group=GROUP) if point.name == cmd_name]
        return _load(found[0]) if found else None


def _load(point: EntryPoint) -> click.Command:
    app = point.load()
    if isinstance(app, typer.Typer):
        command = typer.main.get_command(app)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode="rich")
        single.command()(app)
        command = typer.main.get_command(single)
    command.name = point.name
    return command


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"fedchemo {version('fedchemo')}")
        ctx.exit()


def root() -> click.Command:
    """Return the root command."""
    return Root(
        name="fedchemo",
        help="Hospitals train one model together that predicts pathologic complete response (pCR) "
        "to neoadjuvant chemotherapy. Patient data stays where it is; weights travel.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_print_version,
                help="Show the version and exit.",
            )
        ],
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every failure ends with a message and a status that is not 0."""
    from fedchemo.shared.errors import FedchemoError

    try:
        status = root().main(args=arguments, prog_name="fedchemo", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except FedchemoError as error:
        _show(error)
        sys.exit(1)
    except click.exceptions.Abort:
        _say("interrupted")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("FEDCHEMO_DEBUG"):
            raise
        _show(FedchemoError("FC099", f"{type(error).__name__}: {error}"))
        sys.exit(70)


def _say(line: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(line)


def _show(error: Exception) -> None:
    from rich.console import Console
    from rich.markup import escape

    from fedchemo.shared.errors import FedchemoError

    assert isinstance(error, FedchemoError)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]{error.code}[/] [bold]{escape(error.entry.title)}[/]")
    for word, text in (("what", error.what), ("cause", error.entry.cause), ("remedy", error.entry.remedy)):
        console.print(f"  [dim]{word:<7}[/]{escape(text)}")


def explain_error(
    code: Annotated[str | None, typer.Argument(help="A code such as FC101.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List every code.")] = False,
) -> None:
    """Say what an error code means and what to do."""
    from rich.console import Console
    from rich.table import Table

    from fedchemo.shared.catalogue import CATALOGUE
    from fedchemo.shared.errors import FedchemoError

    if not everything and code is None:
        raise FedchemoError("FC001", "explain-error: name a code, or pass --all")
    wanted = CATALOGUE if everything or code is None else {code.upper(): CATALOGUE.get(code.upper())}
    table = Table("code", "meaning", "likely cause", "what to do")
    for name, entry in sorted(wanted.items()):
        if entry is None:
            raise FedchemoError("FC005", f"{code} is not a code of this version")
        table.add_row(name, *entry)
    Console().print(table)
