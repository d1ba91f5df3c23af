"""New certificates and kits before the old ones end; keys of hospitals stay as they are."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.opened import OpenFederation, opened
from fedchemo.deploy.provisioning.request import check_address
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import Kit, read_kit
from fedchemo.shared.private_file import SECRET


def renew(
    folder: FederationFolder,
    authority: Authority,
    *,
    days: int,
    hosts: Sequence[str] = (),
    port: int | None = None,
    now: datetime.datetime | None = None,
) -> list[Kit]:
    """Issue a new key and certificate of the coordinator, and a new kit for each hospital.

    A kit keeps its key. Where the folder no longer holds the old kit, or the hospital made the key, the new kit holds
    no private key: the hospital's client remembers it.

    Args:
        folder: the federation's folder.
        authority: its authority.
        days: how long the new ones hold.
        hosts: new DNS names and addresses of the coordinator; empty keeps the old ones.
        port: new TCP port of the coordinator; None keeps the old one.
        now: the moment from which they hold; the present if None.

    Returns:
        The new kits, by name.

    Raises:
        FedchemoError: FC505 if a host or the port is not allowed, FC501 or FC509 if an old kit in the folder is not
            sound, and those of `opened`.
    """
    check_address(hosts, port)
    with opened(folder, authority, days=days, now=now) as federation:
        old = federation.issuer.federation
        settings = old.model_copy(update={"hosts": tuple(hosts) or old.hosts, "port": port or old.port})
        federation.put_settings(settings)
        key, certificate = federation.issuer.server_files()
        federation.change.write(folder.server_key, key, mode=SECRET)
        federation.change.write(folder.server_certificate, certificate)
        kits = [_renewed(federation, member.name, member.public_key) for member in federation.roster.site]
        for kit in kits:
            federation.put_kit(kit)
        federation.put_roster(
            site=[
                member.model_copy(update={"until": kit.valid_until})
                for member, kit in zip(federation.roster.site, kits, strict=True)
            ]
        )
    return kits


def _renewed(federation: OpenFederation, site: str, public_key: str) -> Kit:
    private_key = ""
    if (file := federation.folder.kit(site)).exists():
        old = read_kit(file)
        if old.public_key != public_key:
            raise FedchemoError("FC501", f"{file} holds another key than the roster")
        private_key = old.private_key
    return federation.issuer.kit(site, public_key, private_key)
