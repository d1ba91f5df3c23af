"""The federation's folder, which stays with the coordinator: its settings, its roster, and where files lie."""

from __future__ import annotations

import contextlib
import datetime
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tomli_w
from cryptography import x509
from pydantic import AwareDatetime, Field

from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.expiry import ending
from fedchemo.shared.folder_change import finish_change
from fedchemo.shared.kit import Host, Name, Port
from fedchemo.shared.roster import Roster, RosterMemory, read_roster
from fedchemo.shared.signed_text import FORMAT

MOST_KITS = 3
"""Kits that end soon are named so far; mostly they all end together."""


class FederationSettings(Settings):
    """``federation.toml``: nothing in it is secret."""

    format: int = FORMAT
    name: Name
    hosts: Annotated[tuple[Host, ...], Field(min_length=1, max_length=64)]
    """Names and addresses in the server's certificate; the kits name the first."""
    port: Port
    created: AwareDatetime

    def content(self) -> bytes:
        """Return the content of the file."""
        return tomli_w.dumps(self.model_dump()).encode()


@dataclass(frozen=True)
class FederationFolder:
    """Where the files of a federation lie."""

    path: Path

    @property
    def settings(self) -> Path:
        """The federation's name, hosts and port."""
        return self.path / "federation.toml"

    @property
    def roster(self) -> Path:
        """The public keys of the sites that may take part, signed by the authority."""
        return self.path / "roster.toml"

    @property
    def roster_memory(self) -> Path:
        """The number of the newest roster that the coordinator has read."""
        return self.path / "roster-seen.toml"

    @property
    def authority_certificate(self) -> Path:
        """The authority's certificate, PEM; public, and part of every kit."""
        return self.path / "authority" / "certificate.pem"

    @property
    def authority_key(self) -> Path:
        """The authority's private key, PEM; the coordinator runs without it."""
        return self.path / "authority" / "key.pem"

    @property
    def server_certificate(self) -> Path:
        """The coordinator's certificate, PEM."""
        return self.path / "server" / "certificate.pem"

    @property
    def server_key(self) -> Path:
        """The coordinator's private key, PEM."""
        return self.path / "server" / "key.pem"

    def kit(self, site: str) -> Path:
        """The kit of one site."""
        return self.path / "kits" / f"{site}.kit"

    def read_settings(self) -> FederationSettings:
        """Return the federation's settings; a change of the folder that a crash cut short is carried out first.

        Raises:
            FedchemoError: FC503 if the folder is not a federation's, FC506 if it was made by another release, FC515
                or FC516 if the change cannot be carried out.
        """
        finish_change(self.path)
        path = self.settings
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise FedchemoError("FC503", f"{self.path} holds no {path.name}") from None
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FedchemoError("FC503", f"{path} cannot be read: {error}") from None
        if fields.get("format") != FORMAT:
            found = fields.get("format", "none")
            raise FedchemoError("FC506", f"{path} has format {found!r:.20}; this release reads {FORMAT}")
        return parse(FederationSettings, fields, source=str(path), code="FC503")

    def read_roster(self) -> Roster:
        """Return the roster, checked against the authority's certificate and the newest roster seen before.

        The authority's key is not needed.

        Raises:
            FedchemoError: FC503 if it is absent, unreadable, or names a site or a key twice; FC506, FC507, FC508.
        """
        finish_change(self.path)
        return read_roster(
            self.roster, self.read_certificate(self.authority_certificate), RosterMemory(self.roster_memory)
        )

    def read_certificate(self, path: Path) -> x509.Certificate:
        """Return a certificate of the folder.

        Raises:
            FedchemoError: FC503 if there is none.
        """
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except OSError as error:
            raise FedchemoError("FC503", f"{path}: {error.strerror}") from error
        except (ValueError, x509.InvalidVersion):
            raise FedchemoError("FC503", f"{path} holds no certificate") from None

    def warnings(self, now: datetime.datetime) -> list[str]:
        """Return a sentence for each certificate and kit that ends within 30 days.

        Raises:
            FedchemoError: as `read_roster`.
        """
        remedy = "run `fedchemo provision renew`"
        found: list[str] = []
        for what, path in (
            ("the certificate of the coordinator", self.server_certificate),
            ("the certificate of the authority", self.authority_certificate),
        ):
            until = self.read_certificate(path).not_valid_after_utc
            again = remedy if path == self.server_certificate else "provision the federation anew"
            found += ending(what, until, now, remedy=again)
        kits = [
            warning
            for member in sorted(self.read_roster().site, key=lambda member: member.until)
            for warning in ending(f"the kit of {member.name}", member.until, now, remedy=remedy)
        ]
        more = len(kits) - MOST_KITS
        return [*found, *kits[:MOST_KITS], *([f"and {more} more kits end soon"] if more > 0 else [])]


class RosterWatch:
    """Tells a running coordinator when the roster has changed.

    Args:
        folder: the federation's folder.

    Raises:
        FedchemoError: as `FederationFolder.read_roster`.
    """

    def __init__(self, folder: FederationFolder) -> None:
        self._folder = folder
        self._mark = self._look()
        self.roster = folder.read_roster()
        """The roster that holds."""

    def changed(self) -> Roster | None:
        """Return the roster if it is another one than before, else None; costs one look at the file's dates.

        A file that is refused leaves the roster that holds as it is; it is told once.

        Raises:
            FedchemoError: as `FederationFolder.read_roster`.
        """
        if (mark := self._look()) == self._mark:
            return None
        self._mark = mark
        roster = self._folder.read_roster()
        # Where nothing can be written, the number seen last is remembered here only.
        if roster.serial < self.roster.serial:
            raise FedchemoError(
                "FC508", f"the roster has number {roster.serial}; number {self.roster.serial} holds"
            )
        before, self.roster = self.roster, roster
        return roster if roster != before else None

    def _look(self) -> tuple[int, ...] | None:
        with contextlib.suppress(OSError):
            found = os.stat(self._folder.roster)  # noqa: PTH116 - once a second
            return found.st_mtime_ns, found.st_ino, found.st_size
        return None
