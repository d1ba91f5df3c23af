"""What lies in a federation's folder: each file, what it is, who may have it, and until when it holds."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.folder_change import LOCK
from fedchemo.shared.keys import is_encrypted
from fedchemo.shared.kit import read_kit


@dataclass(frozen=True)
class FileEntry:
    """One file of the folder."""

    path: str
    """Relative to the folder."""
    what: str
    who: str
    """Who may have it."""
    secret: bool
    until: datetime.datetime | None = None
    wrong: str = ""
    """What is not as it should be."""


def files(folder: FederationFolder) -> list[FileEntry]:
    """Return every file of the folder, those it must have first.

    Raises:
        FedchemoError: FC503 if it is no federation's, or holds a certificate that is none.
    """
    folder.read_settings()
    known = [*_own_files(folder), *_kits(folder)]
    names = {entry.path for entry in known}
    return [*known, *(entry for entry in _others(folder) if entry.path not in names)]


def _own_files(folder: FederationFolder) -> Iterator[FileEntry]:
    stays = "stays here"
    for path, what in (
        (folder.settings, "name, hosts and port of the federation"),
        (folder.roster, "public keys of the sites that may take part, and revoked ones; signed"),
    ):
        yield _entry(folder, path, what, stays)
    yield _certificate(folder, folder.authority_certificate, "certificate of the authority, part of each kit")
    yield _authority_key(folder)
    yield _certificate(folder, folder.server_certificate, "certificate of the coordinator")
    yield _entry(folder, folder.server_key, "key of the coordinator", stays, secret=True)
    if folder.roster_memory.exists():
        what = "number of the newest roster seen; an older one is refused"
        yield _entry(folder, folder.roster_memory, what, stays)


def _authority_key(folder: FederationFolder) -> FileEntry:
    path = folder.authority_key
    if not path.exists():
        return FileEntry(_name(folder, path), "key of the authority", "kept elsewhere", secret=True)
    try:
        encrypted = is_encrypted(path.read_bytes())
    except OSError:
        encrypted = False
    how = "under a passphrase" if encrypted else "no passphrase"
    return _entry(
        folder,
        path,
        f"key of the authority ({how}); the coordinator runs without it, so best moved offline",
        "stays here",
        secret=True,
    )


def _certificate(folder: FederationFolder, path: Path, what: str) -> FileEntry:
    if not path.exists():
        return _entry(folder, path, what, "public")
    certificate: x509.Certificate = folder.read_certificate(path)
    return _entry(folder, path, what, "public", until=certificate.not_valid_after_utc)


def _kits(folder: FederationFolder) -> Iterator[FileEntry]:
    for path in sorted(folder.kit("any").parent.glob("*.kit")):
        try:
            kit = read_kit(path)
        except FedchemoError as error:
            wrong = f"{error.code} {error.entry.title}"
            yield FileEntry(_name(folder, path), "a kit", "nobody", secret=True, wrong=wrong)
            continue
        if kit.secret:
            what, who = f"address and secret key for {kit.site}", f"to {kit.site} only"
        else:
            what, who = f"address for {kit.site}, which keeps its key itself", f"to {kit.site}"
        yield _entry(folder, path, what, who, secret=kit.secret, until=kit.valid_until)


def _others(folder: FederationFolder) -> Iterator[FileEntry]:
    for path in sorted(folder.path.rglob("*")):
        if path.is_file() and path.name != LOCK:
            yield _entry(folder, path, "not part of the federation", "you decide")


def _entry(
    folder: FederationFolder,
    path: Path,
    what: str,
    who: str,
    *,
    secret: bool = False,
    until: datetime.datetime | None = None,
) -> FileEntry:
    wrong = ""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        wrong = "missing"
    else:
        if secret and os.name == "posix" and mode & 0o077:
            wrong = f"mode {mode:04o}: others may read it"
    return FileEntry(_name(folder, path), what, who, secret, until, wrong)


def _name(folder: FederationFolder, path: Path) -> str:
    return path.relative_to(folder.path).as_posix()
