"""The command ``fedchemo client``: join a federation with a kit and a site folder; and its sub-commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.client.commands.approve import approve
from fedchemo.client.commands.check import check
from fedchemo.client.commands.ledger import ledger
from fedchemo.client.commands.pause import pause, resume
from fedchemo.client.commands.policy import policy
from fedchemo.client.commands.request import request
from fedchemo.client.commands.state import PROXY

client = typer.Typer(help="Take part in a federation.", rich_markup_mode="rich", add_completion=False)
client.command("request")(request)
client.command("approve")(approve)
client.command("check")(check)
client.command("pause")(pause)
client.command("resume")(resume)
client.add_typer(ledger, name="ledger")
client.add_typer(policy, name="policy")


@client.callback(invoke_without_command=True)
def join(
    context: typer.Context,
    kit: Annotated[Path | None, typer.Option(help="The kit file from the coordinator.")] = None,
    site: Annotated[Path | None, typer.Option(help="This hospital's site folder.")] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder for what the client keeps. (default: the user's state folder)"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    once: Annotated[bool, typer.Option("--once", help="Exit when one run has ended.")] = False,
    patience: Annotated[
        float,
        typer.Option(help="Seconds to look for a coordinator that cannot be reached; 0 is for ever.", min=0),
    ] = 0,
    approve_all: Annotated[
        bool,
        typer.Option(
            "--approve-all", help="Take part in every run that the policy allows, without asking a person."
        ),
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            help="File whose first line is the passphrase of this hospital's own key, if it has one."
        ),
    ] = None,
    proxy: Annotated[str | None, PROXY] = None,
    watchdog: Annotated[
        float,
        typer.Option(
            help="Seconds without progress after which a training process is given up; 0 is never.", min=0
        ),
    ] = 600,
) -> None:
    """Join a federation with a kit and a site folder, and take part in its runs until stopped.

    Only weights, counts and the metrics that this hospital allows are sent. By default a person is asked about each
    run: here, if this is a terminal, or with `fedchemo client approve`.
    """
    if context.invoked_subcommand is not None:
        return

    from rich.console import Console

    from fedchemo.client.hospital import join_federation
    from fedchemo.shared.errors import FedchemoError

    missing = [f"--{name}" for name, value in (("kit", kit), ("site", site)) if value is None]
    if kit is None or site is None:
        raise FedchemoError("FC001", f"fedchemo client needs {' and '.join(missing)}")
    join_federation(
        kit,
        site,
        state=state,
        device=device,
        once=once,
        patience_s=patience or None,
        approve_all=approve_all,
        passphrase_file=passphrase_file,
        proxy=proxy,
        hang_s=watchdog,
        console=Console(highlight=False),
    )
