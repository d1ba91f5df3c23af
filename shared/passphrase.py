"""The passphrase of a private key: from a file, from the environment, or asked for at the terminal."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.private_file import read_private

ENVIRONMENT = "FEDCHEMO_PASSPHRASE"
SHORTEST = 12
"""Characters of a new passphrase; fewer are guessed from a stolen file in spite of the slow key derivation."""


def passphrase_of(key: Path, *, file: Path | None = None) -> bytes:
    """Return the passphrase that opens a key.

    Args:
        key: the key's file, for the question.
        file: a file that holds the passphrase in its first line.

    Raises:
        FedchemoError: FC510 if there is none and nobody to ask, FC002 or FC509 for the file.
    """
    if (given := _given(file)) is not None:
        return given
    if not sys.stdin.isatty():
        raise FedchemoError("FC510", f"{key} is protected by a passphrase")
    return getpass.getpass(f"Passphrase of {key}: ").encode()


def new_passphrase(what: str, *, file: Path | None = None, ask: bool = False) -> bytes | None:
    """Return the passphrase for a new key, or None if none is given and none shall be asked for.

    Args:
        what: whose key, for the question.
        file: a file that holds the passphrase in its first line.
        ask: ask for it, twice, if it is given nowhere.

    Raises:
        FedchemoError: FC510 if it shall be asked for and there is no terminal, FC511 if it is too short or the two
            differ, FC002 or FC509 for the file.
    """
    found = _given(file)
    if found is None:
        return ask_new_passphrase(what) if ask else None
    return _long_enough(found)


def ask_new_passphrase(what: str, *, file: Path | None = None) -> bytes:
    """Return a passphrase from a file or from the terminal, not from the environment: there the old one stands.

    Raises:
        FedchemoError: as `new_passphrase`.
    """
    if file is not None:
        return _long_enough(_first_line(file))
    if not sys.stdin.isatty():
        raise FedchemoError("FC510", f"no passphrase for {what} was given")
    found = getpass.getpass(f"New passphrase for {what}: ").encode()
    if getpass.getpass("The same again: ").encode() != found:
        raise FedchemoError("FC511", "the two differ")
    return _long_enough(found)


def _long_enough(passphrase: bytes) -> bytes:
    if len(passphrase.decode(errors="replace")) < SHORTEST:
        raise FedchemoError("FC511", f"it has fewer than {SHORTEST} characters")
    return passphrase


def _given(file: Path | None) -> bytes | None:
    if file is not None:
        return _first_line(file)
    found = os.environ.get(ENVIRONMENT)
    return found.encode() if found else None


def _first_line(file: Path) -> bytes:
    lines = read_private(file).splitlines()
    return lines[0] if lines else b""
