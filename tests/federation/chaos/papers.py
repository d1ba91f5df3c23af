"""What the federation's authority issues while a run goes on: certificates and memberships that end soon."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.deploy.provisioning.issuing import Issuer
from fedchemo.deploy.provisioning.opened import opened
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.keys import read_key
from fedchemo.shared.kit import read_kit, write_kit
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.private_file import PUBLIC


class Papers:
    """The authority at work.

    Args:
        folder: the federation's.
    """

    def __init__(self, folder: FederationFolder) -> None:
        self._folder = folder
        self._authority = Authority.load(folder, passphrase=passphrase_of)
        self._one_at_a_time = threading.Lock()

    def kit(self, site: str, path: Path, *, port: int) -> Path:
        """Write a hospital's kit with the port of its own line."""
        kit = read_kit(self._folder.kit(site))
        settings = self._folder.read_settings().model_copy(update={"port": port})
        issuer = Issuer(self._authority, settings, dt.datetime.now(dt.UTC), 30)
        write_kit(path, issuer.kit(site, kit.public_key, kit.private_key))
        return path

    def certify(self, *, seconds: float) -> None:
        """Give the coordinator a certificate that holds from now for some seconds."""
        now = dt.datetime.now(dt.UTC)
        key = read_key(self._folder.server_key, passphrase=passphrase_of, absent="FC504")
        made = self._authority.server_certificate(
            key.public_key(),
            ["127.0.0.1"],
            valid_from=now - dt.timedelta(hours=1),
            valid_until=now + dt.timedelta(seconds=seconds),
        )
        write_bytes(self._folder.server_certificate, certificate_pem(made), mode=PUBLIC)

    def admit(self, site: str, *, seconds: float) -> None:
        """Let a hospital be a member for some seconds."""
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        with self._one_at_a_time, opened(self._folder, self._authority, days=30) as changed:
            changed.put_roster(
                site=[
                    member.model_copy(update={"until": until}) if member.name == site else member
                    for member in changed.roster.site
                ]
            )
