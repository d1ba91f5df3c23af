"""``fedchemo provision``: make a federation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.deploy.commands.options import DAYS

provision = typer.Typer(add_completion=False, rich_markup_mode="rich")


@provision.callback(invoke_without_command=True)
def create(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Folder to make; it must not exist.")] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(help="DNS name or IP address of the coordinator; repeatable, the kits name the first."),
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port of the coordinator.")] = 8443,
    site: Annotated[
        list[str] | None,
        typer.Option(help="Name of a hospital; repeatable. Others may be added or approved later."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the federation; if not given, that of the folder.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long the server's certificate and the kits hold.")] = DAYS,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase that encrypts the authority's key.")
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            help="Take that passphrase from the first line of a file; FEDCHEMO_PASSPHRASE does too."
        ),
    ] = None,
) -> None:
    """Make a federation: its certificate authority, the coordinator's certificate, and a kit for each hospital.

    With a sub-command: change or show a federation that is there.
    """
    if context.invoked_subcommand:
        return
    from fedchemo.deploy.commands.show import print_files
    from fedchemo.deploy.provisioning.folder import provision as make
    from fedchemo.deploy.provisioning.request import FederationRequest
    from fedchemo.shared.errors import FedchemoError
    from fedchemo.shared.passphrase import new_passphrase

    if out is None:
        raise FedchemoError("FC001", "provision: name the folder to make with --out")
    request = FederationRequest(
        name=name if name is not None else out.resolve().name,
        hosts=host or [],
        port=port,
        sites=site or [],
        days=days,
    )
    request.check()
    secret = new_passphrase("the key of the authority", file=passphrase_file, ask=passphrase)
    folder, authority = make(out, request, passphrase=secret)

    from rich.console import Console

    console = Console(soft_wrap=True)
    print_files(console, folder)
    if request.sites:
        console.print(
            "Send each kit over a channel that keeps secrets (encrypted mail, a stick by hand), then delete it here."
        )
    else:
        console.print(
            "No hospital yet: `fedchemo provision add NAME` makes a key and a kit for one; "
            "`fedchemo provision approve REQUEST` answers one that made its own key."
        )
    console.print(f"Fingerprint of the authority, to compare by telephone:\n  {authority.fingerprint()}")
    if secret is None:
        console.print(
            "[dim]The key of the authority has no passphrase; `fedchemo provision passphrase` gives it one.[/]"
        )
