"""``fedchemo provision show``: files, members, revoked keys, and what ends soon."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.deploy.commands.options import FederationOption

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.shared.federation import FederationFolder
    from fedchemo.shared.roster import Roster


def show(
    federation: FederationOption = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what each file is, who may have it and until when it holds; who is a member, and who was revoked."""
    from fedchemo.shared.federation import FederationFolder

    folder = FederationFolder(federation)
    settings, roster = folder.read_settings(), folder.read_roster()
    warnings = folder.warnings(datetime.datetime.now(datetime.UTC))
    if as_json:
        _print_json(folder, roster, warnings)
        return

    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    console.print(f"Federation {settings.name} at {', '.join(settings.hosts)}, port {settings.port}")
    print_files(console, folder)
    _print_members(console, roster)
    for warning in warnings:
        console.print(f"[bold yellow]warning:[/] {warning}")


def print_files(console: Console, folder: FederationFolder) -> None:
    """Print what each file is, who may have it, and until when."""
    from rich.table import Table

    from fedchemo.deploy.provisioning.overview import files

    title = f"Federation in {folder.path}"
    table = Table("file", "what it is", "who may have it", "until", title=title, title_justify="left")
    for entry in files(folder):
        who = f"[bold]{entry.who}[/], secret" if entry.secret else entry.who
        wrong = f" [bold red]{entry.wrong}[/]" if entry.wrong else ""
        table.add_row(
            entry.path, entry.what + wrong, who, entry.until.date().isoformat() if entry.until else ""
        )
    console.print(table)


def _print_members(console: Console, roster: Roster) -> None:
    from rich.table import Table

    from fedchemo.shared.keys import key_fingerprint

    title = f"Roster number {roster.serial}, of {roster.issued.date()}"
    table = Table("site", "since", "kit until", "fingerprint of its key", title=title, title_justify="left")
    for member in roster.site:
        dates = member.since.date().isoformat(), member.until.date().isoformat()
        table.add_row(member.name, *dates, _short(key_fingerprint(member.public_key)))
    for gone in roster.revoked:
        table.add_row(
            gone.name, "", f"[bold red]revoked[/] {gone.on.date()}", _short(key_fingerprint(gone.public_key))
        )
    console.print(table)


def _short(fingerprint: str) -> str:
    return " ".join(fingerprint.split()[:4]) + " ..."


def _print_json(folder: FederationFolder, roster: Roster, warnings: list[str]) -> None:
    import dataclasses
    import json

    from fedchemo.deploy.provisioning.overview import files

    shown = {
        "federation": folder.read_settings().model_dump(mode="json"),
        "files": [dataclasses.asdict(entry) for entry in files(folder)],
        "roster": roster.model_dump(mode="json"),
        "warnings": warnings,
    }
    typer.echo(json.dumps(shown, indent=2, default=str))
