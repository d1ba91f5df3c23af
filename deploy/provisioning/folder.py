"""Make the folder of a new federation: whole, or not at all."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from pathlib import Path

from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.deploy.provisioning.issuing import Issuer
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder, FederationSettings
from fedchemo.shared.keys import private_pem
from fedchemo.shared.kit import write_kit
from fedchemo.shared.private_file import PRIVATE_FOLDER, PUBLIC, SECRET
from fedchemo.shared.roster import Roster


def provision(
    out: Path,
    request: FederationRequest,
    *,
    passphrase: bytes | None = None,
    now: datetime.datetime | None = None,
) -> tuple[FederationFolder, Authority]:
    """Make a federation's folder: authority, server certificate, roster, and a kit for each site.

    It is built beside ``out`` and takes the name when it is complete. Private files have mode 0600, folders 0700.

    Args:
        out: the folder to make; it must not exist.
        request: what the federation shall be.
        passphrase: encrypts the authority's key; None leaves it to the file's mode.
        now: the moment from which certificates and kits hold; the present if None.

    Raises:
        FedchemoError: FC505 if the request is not valid, FC003 if ``out`` exists, FC004 if the disk refuses.
    """
    request.check()
    if out.exists() or out.is_symlink():
        raise FedchemoError("FC003", f"{out} exists already; a federation's keys are never overwritten")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise FedchemoError("FC004", f"{out}: {error.strerror}") from error
    try:
        moment = (now or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
        authority = _fill(FederationFolder(draft), request, passphrase, moment)
        draft.rename(out)
    except OSError as error:
        raise FedchemoError("FC004", f"{out}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return FederationFolder(out), authority


def _fill(
    folder: FederationFolder, request: FederationRequest, passphrase: bytes | None, now: datetime.datetime
) -> Authority:
    authority = Authority.create(request.name, now=now)
    for file in (folder.authority_key, folder.server_key, folder.kit("any")):
        file.parent.mkdir(mode=PRIVATE_FOLDER)
    write_bytes(folder.authority_key, private_pem(authority.key, passphrase), mode=SECRET)
    write_bytes(folder.authority_certificate, certificate_pem(authority.certificate), mode=PUBLIC)

    settings = FederationSettings(
        name=request.name, hosts=tuple(request.hosts), port=request.port, created=now
    )
    issuer = Issuer(authority, settings, now, request.days)
    key, certificate = issuer.server_files()
    write_bytes(folder.server_key, key, mode=SECRET)
    write_bytes(folder.server_certificate, certificate, mode=PUBLIC)
    kits = [issuer.kit_with_new_key(site) for site in sorted(request.sites)]
    for kit in kits:
        write_kit(folder.kit(kit.site), kit)
    roster = Roster(federation=request.name, serial=1, issued=now, site=tuple(map(issuer.member, kits)))
    content, memory = authority.sign_roster(roster)
    write_bytes(folder.roster, content, mode=PUBLIC)
    write_bytes(folder.roster_memory, memory, mode=SECRET)
    write_bytes(folder.settings, settings.content(), mode=PUBLIC)
    return authority
