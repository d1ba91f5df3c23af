"""The command ``fedchemo client request``: ask to join with a key that never leaves the hospital."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def request(
    site_name: Annotated[str, typer.Option(help="This hospital's name in the federation.")],
    federation: Annotated[str, typer.Option(help="The federation's name.")],
    out: Annotated[Path, typer.Option(help="The signing request to write, for the coordinator.")],
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what the client keeps; give the same to `fedchemo client`. "
            "(default: the user's state folder)"
        ),
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase that encrypts the key.")
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            help="Take that passphrase from the first line of a file; FEDCHEMO_PASSPHRASE does too."
        ),
    ] = None,
) -> None:
    """Make this hospital's own key and write a signing request; the private key stays in the state folder.

    The coordinator answers with a kit that holds no secret.
    """
    import datetime

    from rich.console import Console

    from fedchemo.client.key_ring import KeyRing
    from fedchemo.client.state_folder import StateFolder
    from fedchemo.shared.errors import FedchemoError
    from fedchemo.shared.keys import public_openssh
    from fedchemo.shared.passphrase import new_passphrase
    from fedchemo.shared.signing_request import check_names, write_request

    check_names(federation, site_name)
    if out.exists():
        raise FedchemoError("FC003", str(out))
    ring = KeyRing(state or StateFolder.default(federation, site_name))
    secret = new_passphrase(f"the key of {site_name}", file=passphrase_file, ask=passphrase)
    key = ring.new(secret)
    wish = write_request(
        out, federation=federation, site=site_name, key=key, now=datetime.datetime.now(datetime.UTC)
    )
    kept = ring.file(public_openssh(key.public_key()))
    Console(soft_wrap=True, highlight=False).print(
        f"{out}: send it to the coordinator; it holds no secret.\n"
        f"{kept}: the private key, which stays here.\n"
        f"Fingerprint of the key, to read out when the coordinator calls:\n  {wish.fingerprint}\n"
        "Then join with `fedchemo client` and the kit that comes back."
    )
