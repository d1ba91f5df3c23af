"""``fedchemo provision passphrase``: give the authority's key a passphrase, another one, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.deploy.commands.options import (
    AuthorityKeyOption,
    FederationOption,
    PassphraseFileOption,
    open_federation,
)


def passphrase(
    federation: FederationOption = Path(),
    new_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file", help="File whose first line is the new one; else it is asked for."
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Leave the key without a passphrase.")] = False,
    authority_key: AuthorityKeyOption = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Give the authority's key a passphrase, another one, or none. Copies elsewhere stay as they are."""
    from rich.console import Console

    from fedchemo.deploy.provisioning.opened import opened
    from fedchemo.shared.atomic import write_bytes
    from fedchemo.shared.keys import private_pem
    from fedchemo.shared.passphrase import ask_new_passphrase
    from fedchemo.shared.private_file import SECRET

    folder, authority = open_federation(federation, authority_key, passphrase_file)
    new = None if remove else ask_new_passphrase("the key of the authority", file=new_file)
    file = authority_key or folder.authority_key
    with opened(folder, authority):
        write_bytes(file, private_pem(authority.key, new), mode=SECRET)
    how = "under the new passphrase" if new else "without a passphrase"
    Console(soft_wrap=True, highlight=False).print(f"{file} is {how} now.")
