"""The roster: who may take part in a federation, signed by its authority with a serial number.

A roster that was altered, cut off or made by another authority does not fit its signature; an old one, put back to let
a revoked site in again, has a smaller number than the one seen last, which the reader remembers.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tomli_w
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, Field, model_validator

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Name, Pem
from fedchemo.shared.private_file import SECRET
from fedchemo.shared.signed_text import FORMAT, read_signed, sign_text, with_signature

LARGEST_ROSTER = 16 * 1024 * 1024
"""A member takes about 300 bytes."""


class Member(Settings):
    """A site and the one key that may speak for it."""

    name: Name
    public_key: Pem
    """OpenSSH, one line."""
    since: AwareDatetime
    until: AwareDatetime
    """When the kit ends that it was given last."""


class Revoked(Settings):
    """A key that may not speak for a site any more; the site may have another one."""

    name: Name
    public_key: Pem
    on: AwareDatetime


class Roster(Settings):
    """``roster.toml``: who may take part, and whose key may not any more."""

    format: int = FORMAT
    federation: Name
    serial: Annotated[int, Field(ge=1)]
    """One more with each change."""
    issued: AwareDatetime
    site: tuple[Member, ...] = ()
    revoked: tuple[Revoked, ...] = ()

    @property
    def members(self) -> dict[str, str]:
        """Site name -> public key (OpenSSH) of everyone who may take part."""
        return {member.name: member.public_key for member in self.site}

    @property
    def revoked_keys(self) -> dict[str, str]:
        """Public key -> name of the site that it spoke for."""
        return {entry.public_key: entry.name for entry in self.revoked}

    def member(self, name: str) -> Member | None:
        """Return a member by name."""
        return next((member for member in self.site if member.name == name), None)

    @model_validator(mode="after")
    def _each_once(self) -> Roster:
        # Kits are files, and on some disks AAI.kit and aai.kit are the same one.
        if len({name.lower() for name in self.members}) < len(self.site):
            msg = "a site is named twice"
            raise ValueError(msg)
        keys = [*self.members.values(), *self.revoked_keys]
        if len(set(keys)) < len(self.site) + len(self.revoked):
            msg = "a key is named twice"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class RosterMemory:
    """The newest roster that was ever read here, so that an older one is known for a replay."""

    path: Path

    def compare(self, roster: Roster, digest: str) -> None:
        """Refuse a roster older than the newest one seen, or another one with its number.

        Raises:
            FedchemoError: FC508; FC503 if the memory itself is damaged.
        """
        serial, seen = self._read()
        if roster.serial < serial:
            raise FedchemoError(
                "FC508", f"the roster has number {roster.serial}; number {serial} was there before"
            )
        if roster.serial == serial and digest != seen:
            raise FedchemoError("FC508", f"this is not the roster with number {serial} that was there before")

    def keep(self, roster: Roster, digest: str) -> None:
        """Remember a roster.

        Raises:
            FedchemoError: FC004 if it cannot be written.
        """
        if self._read() != (roster.serial, digest):
            write_text(self.path, memory_content(roster, digest).decode(), mode=SECRET)

    def _read(self) -> tuple[int, str]:
        try:
            fields = tomllib.loads(self.path.read_text(encoding="utf-8"))
            return int(fields["serial"]), str(fields["sha256"])
        except FileNotFoundError:
            return 0, ""
        except OSError as error:
            raise FedchemoError("FC004", f"{self.path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError):  # of TOML and UTF-8 too
            raise FedchemoError("FC503", f"{self.path} cannot be read") from None


def memory_content(roster: Roster, digest: str) -> bytes:
    """Return what `RosterMemory` keeps of a roster."""
    return tomli_w.dumps({"serial": roster.serial, "sha256": digest}).encode()


def roster_content(roster: Roster, authority: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """Return the content of ``roster.toml``, signed, and that of the memory of whoever has read it."""
    title = (
        f"# Roster of the federation {roster.federation}, signed by its authority: change it with "
        "`fedchemo provision`.\n"
    )
    text = title + tomli_w.dumps(roster.model_dump())
    signed = with_signature(text, sign_text(text, "roster", authority)).encode()
    return signed, memory_content(roster, _digest(text))


def read_roster(path: Path, authority: x509.Certificate, memory: RosterMemory) -> Roster:
    """Return the roster in a file, checked to be the authority's and not older than one that was seen before.

    Args:
        path: the file.
        authority: certificate of the federation's authority.
        memory: what was seen before; it is brought up to date where it can be written.

    Raises:
        FedchemoError: FC503 if the file is absent or unreadable, FC506 if another release wrote it, FC507 if the
            signature does not fit, FC508 if it is older than one seen before.
    """
    signed = read_signed(path, noun="roster", largest=LARGEST_ROSTER, code="FC503", absent="FC503")
    roster = parse(Roster, signed.fields, source=str(path), code="FC503")
    key = authority.public_key()
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise FedchemoError("FC503", "the authority has no EC key")
        signed.check("roster", key)
    except (ValueError, UnsupportedAlgorithm):
        raise FedchemoError("FC507", f"the signature in {path} is not this federation's") from None
    digest = _digest(signed.text)
    memory.compare(roster, digest)
    try:
        memory.keep(roster, digest)
    except FedchemoError as error:
        # A coordinator that may only read the folder cannot put an old roster there either.
        if error.code != "FC004":
            raise
    return roster


def _digest(text: str) -> str:
    # Of the signed text alone: an ECDSA signature can be written in two ways.
    return hashlib.sha256(text.encode()).hexdigest()
