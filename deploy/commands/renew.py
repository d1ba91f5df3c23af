"""``fedchemo provision renew``: new certificates and kits before the old ones end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.deploy.commands.options import (
    DAYS,
    AuthorityKeyOption,
    DaysOption,
    FederationOption,
    PassphraseFileOption,
    open_federation,
)


def renew(
    federation: FederationOption = Path(),
    days: DaysOption = DAYS,
    host: Annotated[
        list[str] | None,
        typer.Option(help="New DNS name or IP address of the coordinator; repeatable. (default: as before)"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="New TCP port of the coordinator. (default: as before)")
    ] = None,
    authority_key: AuthorityKeyOption = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Issue a new certificate of the coordinator and a new kit for each hospital; hospitals keep their keys."""
    from rich.console import Console

    from fedchemo.deploy.commands.show import print_files
    from fedchemo.deploy.provisioning.renewal import renew as renew_all

    folder, authority = open_federation(federation, authority_key, passphrase_file)
    kits = renew_all(folder, authority, days=days, hosts=host or (), port=port)
    console = Console(soft_wrap=True, highlight=False)
    print_files(console, folder)
    console.print(
        "Start the coordinator again: it reads its certificate when it starts. "
        "Send the new kits; the old ones hold until their own end."
    )
    if secret := [kit.site for kit in kits if kit.secret]:
        console.print(
            f"The kits of {', '.join(secret)} hold a secret key, since the old ones were still here. "
            "Delete a kit when it has arrived; the next renewal then makes one without a secret."
        )
