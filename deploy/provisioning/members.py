"""Hospitals come and go: each time the roster is issued anew, and nobody else's kit changes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.opened import OpenFederation, opened
from fedchemo.deploy.provisioning.request import check_sites
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import Kit
from fedchemo.shared.roster import Revoked, Roster
from fedchemo.shared.signing_request import SigningRequest


def add(
    folder: FederationFolder,
    authority: Authority,
    sites: Sequence[str],
    *,
    days: int,
    now: datetime.datetime | None = None,
) -> list[Kit]:
    """Let hospitals take part: make a key and a kit for each.

    Args:
        folder: the federation's folder.
        authority: its authority.
        sites: the hospitals' names.
        days: how long the kits hold.
        now: the moment from which they hold; the present if None.

    Raises:
        FedchemoError: FC505 if a name is not allowed or given twice, FC519 if it is a member's, and those of `opened`.
    """
    check_sites(sites)
    with opened(folder, authority, days=days, now=now) as federation:
        for site in sites:
            _refuse_member(federation, site)
        kits = [federation.issuer.kit_with_new_key(site) for site in sites]
        for kit in kits:
            federation.put_kit(kit)
        federation.put_roster(site=[*federation.roster.site, *map(federation.issuer.member, kits)])
    return kits


def approve(
    folder: FederationFolder,
    authority: Authority,
    request: SigningRequest,
    *,
    days: int,
    now: datetime.datetime | None = None,
) -> Kit:
    """Let a hospital take part with the key that it made itself; its kit holds no private key.

    Args:
        folder: the federation's folder.
        authority: its authority.
        request: the hospital's request, as `read_request` returned it.
        days: how long the kit holds.
        now: the moment from which it holds; the present if None.

    Raises:
        FedchemoError: FC512 if the request is to another federation, FC513 if the key is a member's or was revoked,
            FC519 if the name is a member's, and those of `opened`.
    """
    with opened(folder, authority, days=days, now=now) as federation:
        if request.federation != federation.issuer.federation.name:
            name = federation.issuer.federation.name
            raise FedchemoError("FC512", f"it asks to join {request.federation}, and this is {name}")
        for name, key in federation.roster.members.items():
            if key == request.public_key and name != request.site:
                raise FedchemoError("FC513", f"the key in the request of {request.site} is that of {name}")
        if request.public_key in federation.roster.revoked_keys:
            raise FedchemoError("FC513", f"the key in the request of {request.site} was revoked")
        _refuse_member(federation, request.site)
        kit = federation.issuer.kit(request.site, request.public_key)
        federation.put_kit(kit)
        federation.put_roster(site=[*federation.roster.site, federation.issuer.member(kit)])
    return kit


def revoke(
    folder: FederationFolder,
    authority: Authority,
    sites: Sequence[str],
    *,
    now: datetime.datetime | None = None,
) -> Roster:
    """Let hospitals take part no more: their keys are listed as revoked for good, their kits removed from the folder.

    Args:
        folder: the federation's folder.
        authority: its authority.
        sites: the hospitals' names.
        now: the moment; the present if None.

    Raises:
        FedchemoError: FC514 if a name is no member's, and those of `opened`.
    """
    with opened(folder, authority, now=now) as federation:
        members = federation.roster.members
        if unknown := sorted(set(sites) - set(members)):
            raise FedchemoError("FC514", ", ".join(unknown))
        gone = [
            Revoked(name=site, public_key=members[site], on=federation.issuer.now)
            for site in dict.fromkeys(sites)
        ]
        for entry in gone:
            federation.change.remove(folder.kit(entry.name))
        stay = [member for member in federation.roster.site if member.name not in sites]
        return federation.put_roster(site=stay, revoked=[*federation.roster.revoked, *gone])


def _refuse_member(federation: OpenFederation, site: str) -> None:
    names = {name.lower(): name for name in federation.roster.members}
    if found := names.get(site.lower()):
        raise FedchemoError("FC519", found)
