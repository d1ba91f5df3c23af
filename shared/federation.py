"""The federation's folder, which stays with the coordinator: its settings, its roster, and where files lie."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import tomli_w
from pydantic import AwareDatetime, Field

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import FORMAT, Host, Name, Pem, Port

Content = TypeVar("Content", bound=Settings)


class FederationSettings(Settings):
    """``federation.toml``: nothing in it is secret."""

    format: int = FORMAT
    name: Name
    hosts: Annotated[tuple[Host, ...], Field(min_length=1, max_length=64)]
    """Names and addresses in the server's certificate; the kits name the first."""
    port: Port
    created: AwareDatetime


class Member(Settings):
    """A line of the roster: a site and the one key that may speak for it."""

    name: Name
    public_key: Pem
    """OpenSSH, one line."""


class Roster(Settings):
    """``roster.toml``: who may take part."""

    format: int = FORMAT
    site: tuple[Member, ...]


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
        """The public keys of the sites that may take part."""
        return self.path / "roster.toml"

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
        """Return the federation's settings.

        Raises:
            FedchemoError: FC503 if the folder is not a federation's, FC506 if it was made by another release.
        """
        return self._read(self.settings, FederationSettings)

    def read_roster(self) -> dict[str, str]:
        """Return the roster: site name -> public key (OpenSSH).

        Raises:
            FedchemoError: FC503 if it cannot be read, or names a site or a key twice.
        """
        members = self._read(self.roster, Roster).site
        roster = {member.name: member.public_key for member in members}
        if len(roster) < len(members) or len(set(roster.values())) < len(members):
            raise FedchemoError("FC503", f"{self.roster} names a site or a key twice")
        return roster

    def write(self, settings: FederationSettings, roster: dict[str, str]) -> None:
        """Write the settings and the roster."""
        members = [{"name": name, "public_key": key} for name, key in sorted(roster.items())]
        write_text(self.settings, tomli_w.dumps(settings.model_dump()))
        write_text(self.roster, tomli_w.dumps({"format": FORMAT, "site": members}))

    def _read(self, path: Path, kind: type[Content]) -> Content:
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
        return parse(kind, fields, source=str(path), code="FC503")
