"""What changes in the federation's folder while the coordinator runs: members come and go, a certificate is renewed."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping

from fedchemo.server.fleet.certificate import reload
from fedchemo.server.fleet.link import Link
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder, RosterWatch
from fedchemo.shared.roster import Roster

EVERY_S, END_S = 1.0, 5.0
Tell = Callable[[str, Mapping[str, object]], None]


def current(roster: Roster, now: datetime.datetime) -> dict[str, str]:
    """Return the members whose kits have not ended: site name -> public key (OpenSSH)."""
    return {member.name: member.public_key for member in roster.site if member.until > now}


class FolderWatch:
    """Looks at the folder once a second and lets a running coordinator follow it.

    A roster or a certificate that cannot be used changes nothing: what held before holds on, and a ``warning`` says
    so.

    Args:
        folder: the federation's folder.
        link: where sites are let in.
        context: the listener's TLS settings; new connections see what is loaded into them.
        tell: called with ``site_admitted`` and ``site_removed`` (``site``), ``certificate_renewed`` (``until``) and
            ``warning`` (``what``), in another thread.
    """

    def __init__(self, folder: FederationFolder, link: Link, context: ssl.SSLContext, tell: Tell) -> None:
        self._folder, self._link, self._context, self._tell = folder, link, context, tell
        self._rosters = RosterWatch(folder)
        self._certificate = self._mark()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look while the context lasts."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(EVERY_S):
                self.look(datetime.datetime.now(datetime.UTC))

        thread = threading.Thread(target=watch, name="folder", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(
                timeout=END_S
            )  # a folder on a network that hangs must not keep the coordinator from ending

    def look(self, now: datetime.datetime) -> None:
        """Look once."""
        try:
            self._rosters.changed()
        except FedchemoError as error:
            self._tell("warning", {"what": f"the roster that held before holds on: {error}"})
        admitted, removed = self._link.admit(current(self._rosters.roster, now))
        for site in admitted:
            self._tell("site_admitted", {"site": site})
        for site in removed:
            self._tell("site_removed", {"site": site})
        if (mark := self._mark()) != self._certificate:
            self._certificate = mark
            try:
                until = reload(self._context, self._folder, now=now)
                self._tell("certificate_renewed", {"until": until.isoformat()})
            except FedchemoError as error:
                self._tell("warning", {"what": f"the certificate that held before holds on: {error}"})

    def _mark(self) -> tuple[int, ...] | None:
        with contextlib.suppress(OSError):
            found = os.stat(self._folder.server_certificate)  # noqa: PTH116 - once a second
            return found.st_mtime_ns, found.st_ino, found.st_size
        return None
