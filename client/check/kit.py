"""The kit: whole, in date, and with a key that can be used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from fedchemo.client.key_ring import KeyRing
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.expiry import WARNING_DAYS
from fedchemo.shared.findings import Finding, Part
from fedchemo.shared.kit import Kit
from fedchemo.shared.passphrase import passphrase_of

PART = Part("kit")


def check_kit(kit: Kit, now: dt.datetime) -> Iterator[Finding]:
    """Look at a kit that could be read: what it is for and how long it holds."""
    yield PART.passes(
        "file", f"whole: {kit.site} in the federation {kit.federation}, coordinator {kit.address}"
    )
    try:
        kit.check_dates(now)
    except FedchemoError as error:
        yield PART.error("dates", error)
        return
    days = (kit.valid_until - now).days
    told = f"holds for {days} more days, until {kit.valid_until.date()}"
    if days <= WARNING_DAYS:
        yield PART.warns("dates", told, "Ask the coordinator for a new one.")
    else:
        yield PART.passes("dates", told)


def with_key(kit: Kit, state: Path, *, passphrase_file: Path | None) -> Kit:
    """Return a kit with its private key, from the kit itself or from the state folder; nothing is written.

    Raises:
        FedchemoError: FC501, FC509, FC510, FC517, FC518; FC520 if another authority made it than the first kit.
    """
    remembered = state / "authority.pem"
    try:
        if remembered.exists() and remembered.read_text(encoding="utf-8") != kit.ca_certificate:
            raise FedchemoError(
                "FC520", f"the authority {kit.authority_fingerprint} is not that of {remembered}"
            )
    except OSError as error:
        raise FedchemoError("FC004", f"{remembered}: {error.strerror}") from error
    if kit.secret:
        kit.key()
        return kit
    ring = KeyRing(state)
    key = ring.find(kit.public_key, lambda path: passphrase_of(path, file=passphrase_file))
    if key is None:
        raise FedchemoError(
            "FC518", f"the kit of {kit.site} needs {ring.file(kit.public_key)}, which is not there"
        )
    return kit.with_key(key)


def check_key(kit: Kit) -> Finding:
    """Return the line of a key that can be used."""
    where = "in the kit" if kit.secret else "in the state folder"
    return PART.passes("key", f"{where}, and it is the kit's")
