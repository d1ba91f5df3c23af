"""The options that the sub-commands of `fedchemo provision` share, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fedchemo.deploy.provisioning.authority import Authority
    from fedchemo.shared.federation import FederationFolder

FederationOption = Annotated[
    Path, typer.Option("--federation", help="Folder made by `fedchemo provision`. (default: where you are)")
]
AuthorityKeyOption = Annotated[
    Path | None,
    typer.Option("--authority-key", help="Key of the authority, if it is kept elsewhere than in the folder."),
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File whose first line is the passphrase of the authority's key; else FEDCHEMO_PASSPHRASE, else it is "
        "asked for.",
    ),
]
DaysOption = Annotated[int, typer.Option("--days", help="How long what is issued holds.")]
# Two years: long enough for a study's phase, short enough that a lost kit does not open a door for ever.
DAYS = 730


def open_federation(
    federation: Path, authority_key: Path | None, passphrase_file: Path | None
) -> tuple[FederationFolder, Authority]:
    """Return a federation's folder and its authority.

    Raises:
        FedchemoError: FC503 if there is no federation; FC509, FC510, FC517 of the authority's key.
    """
    from fedchemo.deploy.provisioning.authority import Authority
    from fedchemo.shared.federation import FederationFolder
    from fedchemo.shared.passphrase import passphrase_of

    folder = FederationFolder(federation)
    folder.read_settings()
    authority = Authority.load(
        folder, key=authority_key, passphrase=lambda key: passphrase_of(key, file=passphrase_file)
    )
    return folder, authority
