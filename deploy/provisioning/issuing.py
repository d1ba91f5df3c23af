"""What the authority issues: the coordinator's certificate with its key, and kits."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from fedchemo.deploy.provisioning.authority import BACKDATING, Authority, certificate_pem
from fedchemo.shared.federation import FederationSettings
from fedchemo.shared.keys import new_key, private_openssh, private_pem, public_openssh
from fedchemo.shared.kit import Kit
from fedchemo.shared.roster import Member


@dataclass(frozen=True)
class Issuer:
    """An authority at a moment, and for how long what it issues shall hold."""

    authority: Authority
    federation: FederationSettings
    now: datetime.datetime
    days: int

    @property
    def start(self) -> datetime.datetime:
        """From when it holds."""
        return self.now - BACKDATING

    @property
    def end(self) -> datetime.datetime:
        """Until when it holds: nothing outlives the authority."""
        end = self.now + datetime.timedelta(days=self.days)
        return min(end, self.authority.certificate.not_valid_after_utc)

    def server_files(self) -> tuple[bytes, bytes]:
        """Return a fresh key of the coordinator and its certificate, both PEM.

        The key has no passphrase, since a coordinator must start unattended; its mode protects it.
        """
        key = new_key()
        certificate = self.authority.server_certificate(
            key.public_key(), self.federation.hosts, valid_from=self.start, valid_until=self.end
        )
        return private_pem(key), certificate_pem(certificate)

    def kit_with_new_key(self, site: str) -> Kit:
        """Return a site's kit with a fresh private key in it."""
        key = new_key()
        return self.kit(site, public_openssh(key.public_key()), private_openssh(key))

    def kit(self, site: str, public_key: str, private_key: str = "") -> Kit:
        """Return a signed kit.

        Args:
            site: the site's name.
            public_key: OpenSSH, one line.
            private_key: OpenSSH; empty if the site keeps it.
        """
        kit = Kit(
            federation=self.federation.name,
            site=site,
            host=self.federation.hosts[0],
            port=self.federation.port,
            valid_from=self.start,
            valid_until=self.end,
            ca_certificate=certificate_pem(self.authority.certificate).decode(),
            public_key=public_key,
            private_key=private_key,
        )
        return self.authority.sign(kit)

    def member(self, kit: Kit) -> Member:
        """Return the roster's line for a site that gets this kit as a new member."""
        return Member(name=kit.site, public_key=kit.public_key, since=self.now, until=kit.valid_until)
