"""``fedchemo provision add | approve | revoke``: hospitals come and go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.deploy.commands.options import (
    DAYS,
    AuthorityKeyOption,
    DaysOption,
    FederationOption,
    PassphraseFileOption,
    open_federation,
)

if TYPE_CHECKING:
    from fedchemo.shared.signing_request import SigningRequest


def add(
    site: Annotated[list[str], typer.Argument(help="Names of the new hospitals.")],
    federation: FederationOption = Path(),
    days: DaysOption = DAYS,
    authority_key: AuthorityKeyOption = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Let hospitals take part later: make a key and a kit for each. Nobody else's kit changes."""
    from rich.console import Console

    from fedchemo.deploy.provisioning.members import add as add_members

    folder, authority = open_federation(federation, authority_key, passphrase_file)
    console = Console(soft_wrap=True, highlight=False)
    for kit in add_members(folder, authority, site, days=days):
        console.print(
            f"{folder.kit(kit.site)}: for {kit.site} [bold]only[/], until {kit.valid_until.date()}; it holds a secret "
            "key. Send it over a channel that keeps secrets, then delete it here."
        )


def approve(
    request: Annotated[Path, typer.Argument(help="The file that `fedchemo client request` wrote.")],
    federation: FederationOption = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Where to write the kit too; it is always in the folder kits/.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="The fingerprint was compared already; do not ask.")
    ] = False,
    days: DaysOption = DAYS,
    authority_key: AuthorityKeyOption = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Let a hospital take part with the key that it made itself; the kit that answers it holds no private key.

    The request proves that its sender holds the key, not who that is: compare the fingerprint by telephone.
    """
    from rich.console import Console

    from fedchemo.deploy.provisioning.members import approve as approve_request
    from fedchemo.shared.errors import FedchemoError
    from fedchemo.shared.kit import write_kit
    from fedchemo.shared.signing_request import read_request

    wish = read_request(request)
    if out is not None and out.exists():
        raise FedchemoError("FC003", str(out))
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{wish.site} asks to join {wish.federation}. Fingerprint of its key:\n  {wish.fingerprint}"
    )
    if not yes:
        _confirm(wish)
    folder, authority = open_federation(federation, authority_key, passphrase_file)
    kit = approve_request(folder, authority, wish, days=days)
    if out is not None:
        write_kit(out, kit)
    console.print(
        f"{out or folder.kit(kit.site)}: for {kit.site}, until {kit.valid_until.date()}; it holds no secret.\n"
        f"Fingerprint of the authority, for {kit.site} to compare:\n  {authority.fingerprint()}"
    )


def revoke(
    site: Annotated[list[str], typer.Argument(help="Names of the hospitals.")],
    federation: FederationOption = Path(),
    authority_key: AuthorityKeyOption = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Let hospitals take part no more. Their keys are revoked for good; a new key may be added or approved."""
    from rich.console import Console

    from fedchemo.deploy.provisioning.members import revoke as revoke_members

    folder, authority = open_federation(federation, authority_key, passphrase_file)
    roster = revoke_members(folder, authority, site)
    Console(soft_wrap=True, highlight=False).print(
        f"Revoked: {', '.join(site)}. {len(roster.site)} members are left; the roster is now number {roster.serial}.\n"
        "A coordinator on another machine needs the new roster.toml."
    )


def _confirm(wish: SigningRequest) -> None:
    from fedchemo.shared.errors import FedchemoError

    if not sys.stdin.isatty():
        raise FedchemoError("FC001", "approve: compare the fingerprint with the hospital, then pass --yes")
    typer.confirm(f"Does {wish.site} read out the same fingerprint?", abort=True)
