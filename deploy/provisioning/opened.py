"""A federation that is being changed: its folder locked, its roster checked, all changes taking effect together."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.issuing import Issuer
from fedchemo.deploy.provisioning.request import check_days
from fedchemo.shared.federation import FederationFolder, FederationSettings
from fedchemo.shared.folder_change import FolderChange, changing
from fedchemo.shared.kit import Kit, kit_content
from fedchemo.shared.private_file import SECRET
from fedchemo.shared.roster import Member, Revoked, Roster


@dataclass
class OpenFederation:
    """What a change of a federation works with."""

    folder: FederationFolder
    issuer: Issuer
    roster: Roster
    change: FolderChange

    def put_settings(self, settings: FederationSettings) -> None:
        """Let the federation have these settings, in what is issued from now on too."""
        self.issuer = dataclasses.replace(self.issuer, federation=settings)
        self.change.write(self.folder.settings, settings.content())

    def put_kit(self, kit: Kit) -> None:
        """Let the folder hold this kit."""
        content, mode = kit_content(kit)
        self.change.write(self.folder.kit(kit.site), content, mode=mode)

    def put_roster(self, *, site: Sequence[Member], revoked: Sequence[Revoked] | None = None) -> Roster:
        """Let the next roster have these members, and these revoked keys if they change.

        Raises:
            ValueError: if a site or a key is named twice; the callers have looked.
        """
        gone = self.roster.revoked if revoked is None else revoked
        self.roster = Roster(
            federation=self.roster.federation,
            serial=self.roster.serial + 1,
            issued=self.issuer.now,
            site=tuple(sorted(site, key=lambda member: member.name)),
            revoked=tuple(gone),
        )
        content, memory = self.issuer.authority.sign_roster(self.roster)
        self.change.write(self.folder.roster, content)
        # So that the roster before this one is known for old even if nobody reads this one first.
        self.change.write(self.folder.roster_memory, memory, mode=SECRET)
        return self.roster


@contextlib.contextmanager
def opened(
    folder: FederationFolder, authority: Authority, *, days: int = 1, now: datetime.datetime | None = None
) -> Iterator[OpenFederation]:
    """Hold a federation for a change, which is carried out when the body ends, and dropped if it raises.

    Args:
        folder: the federation's folder.
        authority: its authority.
        days: how long what is issued shall hold.
        now: the moment from which it holds; the present if None.

    Raises:
        FedchemoError: FC503, FC506, FC507 or FC508 if the folder or its roster is not sound, FC505 for ``days``,
            FC515 if another command holds it, FC004 if the disk refuses.
    """
    check_days(days)
    folder.read_settings()  # no lock is put into a folder that is no federation's
    moment = (now or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    with changing(folder.path) as change:
        issuer = Issuer(authority, folder.read_settings(), moment, days)
        yield OpenFederation(folder, issuer, folder.read_roster(), change)
