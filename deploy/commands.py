"""The command ``fedchemo provision``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fedchemo.deploy.provisioning.authority import Authority
    from fedchemo.shared.federation import FederationFolder

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
    site: Annotated[list[str] | None, typer.Option(help="Name of a hospital; repeatable.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the federation; if not given, that of the folder.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long the server's certificate and the kits hold.")] = 730,
) -> None:
    """Make a federation: its certificate authority, the coordinator's certificate, and a kit for each hospital."""
    if context.invoked_subcommand:
        return
    from fedchemo.deploy.provisioning.folder import provision as make
    from fedchemo.deploy.provisioning.request import FederationRequest
    from fedchemo.shared.errors import FedchemoError

    if out is None:
        raise FedchemoError("FC001", "provision: name the folder to make with --out")
    request = FederationRequest(
        name=name if name is not None else out.resolve().name,
        hosts=host or [],
        port=port,
        sites=site or [],
        days=days,
    )
    _show(*make(out, request), request.sites)


def _show(folder: FederationFolder, authority: Authority, sites: Sequence[str]) -> None:
    """Say what each file is, who gets it, and what never leaves."""
    from rich.console import Console
    from rich.table import Table

    stays, gone = "[bold]stays here[/], secret", "stays here"
    table = Table(
        "file", "what it is", "where it goes", title=f"Federation in {folder.path}", title_justify="left"
    )
    for path, what, where in (
        (folder.settings, "name, hosts and port of the federation", gone),
        (folder.roster, "public keys of the sites that may take part", gone),
        (folder.authority_certificate, "certificate of the authority, part of each kit", "public"),
        (
            folder.authority_key,
            "key of the authority; the coordinator runs without it",
            f"{stays}; best moved offline",
        ),
        (folder.server_certificate, "certificate of the coordinator", "public"),
        (folder.server_key, "key of the coordinator", stays),
        *(
            (folder.kit(site), f"address and secret key for {site}", f"to {site} [bold]only[/]")
            for site in sites
        ),
    ):
        table.add_row(str(path.relative_to(folder.path)), what, where)
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(
        "Send each kit over a channel that keeps secrets (encrypted mail, a stick by hand), then delete it here.\n"
        f"Fingerprint of the authority, to compare by telephone:\n  {authority.fingerprint()}"
    )
