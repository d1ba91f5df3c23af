"""Make the folder of a new federation: whole, or not at all."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from pathlib import Path

from fedchemo.deploy.provisioning.authority import BACKDATING, Authority, certificate_pem
from fedchemo.deploy.provisioning.keys import new_key, private_openssh, private_pem, public_openssh
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder, FederationSettings
from fedchemo.shared.kit import Kit, write_kit

SECRET, PUBLIC, PRIVATE_FOLDER = 0o600, 0o644, 0o700


def provision(
    out: Path, request: FederationRequest, *, now: datetime.datetime | None = None
) -> tuple[FederationFolder, Authority]:
    """Make a federation's folder: authority, server certificate, roster, and a kit for each site.

    It is built beside ``out`` and takes the name when it is complete. Private files have mode 0600, folders 0700.

    Args:
        out: the folder to make; it must not exist.
        request: what the federation shall be.
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
        authority = _fill(FederationFolder(draft), request, now or datetime.datetime.now(datetime.UTC))
        draft.rename(out)
    except OSError as error:
        raise FedchemoError("FC004", f"{out}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return FederationFolder(out), authority


def _fill(folder: FederationFolder, request: FederationRequest, now: datetime.datetime) -> Authority:
    now = now.replace(microsecond=0)
    authority = Authority.create(request.name, now=now)
    valid_from, valid_until = now - BACKDATING, now + datetime.timedelta(days=request.days)
    for file in (folder.authority_key, folder.server_key, folder.kit("any")):
        file.parent.mkdir(mode=PRIVATE_FOLDER)
    write_bytes(folder.authority_key, private_pem(authority.key), mode=SECRET)
    write_bytes(folder.authority_certificate, certificate_pem(authority.certificate), mode=PUBLIC)

    server_key = new_key()
    certificate = authority.server_certificate(
        server_key.public_key(), request.hosts, valid_from=valid_from, valid_until=valid_until
    )
    write_bytes(folder.server_key, private_pem(server_key), mode=SECRET)
    write_bytes(folder.server_certificate, certificate_pem(certificate), mode=PUBLIC)

    settings = FederationSettings(
        name=request.name, hosts=tuple(request.hosts), port=request.port, created=now
    )
    roster = {}
    for site in request.sites:
        kit = authority.sign(_kit(site, settings, authority, valid_from, valid_until))
        write_kit(folder.kit(site), kit)
        roster[site] = kit.public_key
    folder.write(settings, roster)
    return authority


def _kit(
    site: str,
    federation: FederationSettings,
    authority: Authority,
    valid_from: datetime.datetime,
    valid_until: datetime.datetime,
) -> Kit:
    """Return a site's kit with a fresh key, not yet signed."""
    key = new_key()
    return Kit(
        federation=federation.name,
        site=site,
        host=federation.hosts[0],
        port=federation.port,
        valid_from=valid_from,
        valid_until=valid_until,
        ca_certificate=certificate_pem(authority.certificate).decode(),
        public_key=public_openssh(key.public_key()),
        private_key=private_openssh(key),
    )
