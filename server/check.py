"""`fedchemo server check`: can this machine coordinate this federation?"""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.expiry import WARNING_DAYS
from fedchemo.shared.federation import MOST_KITS, FederationFolder, FederationSettings
from fedchemo.shared.findings import Finding, Part, guarded
from fedchemo.shared.roster import Roster

FOLDER, CERTIFICATES, ROSTER, NETWORK = (
    Part("federation"),
    Part("certificate"),
    Part("roster"),
    Part("network"),
)
DISK, MEMORY, CLOCK, VERSIONS = Part("disk"), Part("memory"), Part("clock"), Part("versions")
PROCESS = 600 * 2**20
"""What the coordinator takes without a model: PyTorch, Flower and the listener."""
MODEL_COPIES = 4
"""The global model, the strategy's state, the messages to the sites and the checkpoint being written."""
TIGHT = 0.8


@dataclass(frozen=True)
class Place:
    """Where a coordinator would run.

    Args:
        federation: the folder made by ``fedchemo provision``.
        configuration: of the run it would run.
        out: where run folders go.
        host: address to listen on; None for the federation's.
        port: TCP port; None for the federation's.
    """

    federation: Path
    configuration: RunConfiguration
    out: Path
    host: str | None = None
    port: int | None = None


def check_server(place: Place) -> list[Finding]:
    """Return all lines; without a federation's folder only those of the machine."""
    folder = FederationFolder(place.federation)
    now = dt.datetime.now(dt.UTC)
    found = list(guarded(VERSIONS, _versions))
    try:
        settings = folder.read_settings()
        roster = folder.read_roster()
    except FedchemoError as error:
        part = ROSTER if error.code in {"FC507", "FC508"} else FOLDER
        return [*found, part.error("folder", error), *guarded(CLOCK, lambda: _clock(None, now))]
    found.append(FOLDER.passes("folder", f"{settings.name}, reached at {', '.join(settings.hosts)}"))
    sites = max(1, len(roster.site))
    for part, lines in (
        (CERTIFICATES, lambda: _certificates(folder, now)),
        (ROSTER, lambda: _roster(roster, place.configuration, now)),
        (NETWORK, lambda: _network(settings, place)),
        (DISK, lambda: _disk(place)),
        (MEMORY, lambda: _memory(place.configuration, sites)),
        (CLOCK, lambda: _clock(roster, now)),
    ):
        found += guarded(part, lines)
    return found


def _versions() -> Iterator[Finding]:
    from fedchemo.shared.wire.versions import Versions

    here = Versions.here()
    yield VERSIONS.passes("here", f"fedchemo {here.fedchemo}, protocol {here.protocol}, flwr {here.flwr}")


def _certificates(folder: FederationFolder, now: dt.datetime) -> Iterator[Finding]:
    from fedchemo.server.fleet.certificate import server_context

    try:
        server_context(folder, now=now)
    except FedchemoError as error:
        yield CERTIFICATES.error("coordinator", error)
    else:
        until = folder.read_certificate(folder.server_certificate).not_valid_after_utc
        yield _until("coordinator", until, now, "Run `fedchemo provision renew`.")
    until = folder.read_certificate(folder.authority_certificate).not_valid_after_utc
    yield _until(
        "authority", until, now, "Provision the federation anew; every hospital then needs a new kit."
    )


def _until(name: str, until: dt.datetime, now: dt.datetime, remedy: str) -> Finding:
    days = (until - now).days
    if until < now:
        return CERTIFICATES.fails(name, f"ended on {until.date()}", remedy, code="FC504")
    told = f"holds for {days} more days, until {until.date()}"
    if days <= WARNING_DAYS:
        return CERTIFICATES.warns(name, told, remedy)
    return CERTIFICATES.passes(name, told)


def _roster(roster: Roster, configuration: RunConfiguration, now: dt.datetime) -> Iterator[Finding]:
    """Count who may take part, and name the kits that end."""
    current = [member for member in roster.site if member.until > now]
    told = f"number {roster.serial}: {len(current)} sites may take part, {len(roster.revoked)} keys revoked"
    if len(current) < configuration.quorum:
        remedy = "Run `fedchemo provision add` or `renew`, or lower --quorum."
        yield ROSTER.fails("sites", f"{told}; the quorum is {configuration.quorum}", remedy, code="FC401")
    else:
        yield ROSTER.passes("sites", told)
    ended = [member.name for member in roster.site if member.until <= now]
    soon = [member for member in current if (member.until - now).days <= WARNING_DAYS]
    remedy = "Run `fedchemo provision renew` and hand the new kits out."
    if ended:
        yield ROSTER.warns("kits", f"ended: {_some(ended)}", remedy)
    if soon:
        names = [
            f"{member.name} on {member.until.date()}" for member in sorted(soon, key=lambda one: one.until)
        ]
        yield ROSTER.warns("kits", f"end soon: {_some(names)}", remedy)
    if current and not ended and not soon:
        first = min(member.until for member in current)
        yield ROSTER.passes("kits", f"the first ends in {(first - now).days} days, on {first.date()}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_KITS} more" if len(names) > MOST_KITS else ""
    return ", ".join(names[:MOST_KITS]) + more


def _network(settings: FederationSettings, place: Place) -> Iterator[Finding]:
    """Look whether the one port is free, and whether the hosts that the kits name lead anywhere."""
    from fedchemo.server.fleet.listener import listening_address

    host, port = place.host or listening_address(settings.hosts), place.port or settings.port
    yield NETWORK.passes("ports needed", f"one, incoming: TCP {port}; sites open no port")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        yield NETWORK.error("port", FedchemoError("FC602", f"{host}:{port}: {error.strerror or error}"))
    else:
        yield NETWORK.passes("port", f"{host}:{port} is free")
    name = settings.hosts[0]
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError as error:
        told = f"{name}, which the kits name, is not known here: {error.strerror or error}"
        yield NETWORK.warns("name", told, "Check that hospitals can resolve it.")
    else:
        yield NETWORK.passes(
            "name", f"the kits name {name}" + ("" if found == [name] else f": {', '.join(found)}")
        )


def _weights(configuration: RunConfiguration) -> int:
    """Return the number of weights of a run's model."""
    from fedchemo.shared.clinical.encoding import names
    from fedchemo.shared.model.build import structure
    from fedchemo.shared.model.packing import manifest

    site = configuration.site
    return manifest(structure(site.model, site.imaging, len(names(site.clinical)))).size


def _disk(place: Place) -> Iterator[Finding]:
    """Compare free space with the checkpoints of a run."""
    folder = place.out.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield DISK.fails(
            "folder",
            f"{folder} cannot be written",
            "Name another --out, or fix the permission.",
            code="FC004",
        )
        return
    configuration = place.configuration
    # A checkpoint holds the model and the strategy's state; the newest, the one before, the best and the kept ones.
    kept = configuration.rounds // configuration.keep_every + 3
    needed = kept * 4 * 4 * _weights(configuration)
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB free at {folder}; {kept} checkpoints need {needed / 2**20:.0f} MiB"
    remedy = "Free space, or keep fewer checkpoints with keep_every."
    if free < needed:
        yield DISK.fails("space", told, remedy, code="FC004")
    elif free < 2 * needed + 2**28:
        yield DISK.warns("space", told, remedy)
    else:
        yield DISK.passes("space", told)


def _memory(configuration: RunConfiguration, sites: int) -> Iterator[Finding]:
    """Compare free memory with the model times the replies that lie in it at a time."""
    from fedchemo.server.fleet.turns import REPLIES_AT_ONCE

    size = 4 * _weights(configuration)
    # FedMedian, FedTrimmedAvg and Krum compare all updates; the others add each to one sum of eight bytes a weight.
    compares = configuration.strategy.name in {"fedmedian", "fedtrimmedavg", "krum"}
    replies = sites if compares else min(sites, REPLIES_AT_ONCE)
    needed = PROCESS + size * (MODEL_COPIES + 2 + replies)
    told = (
        f"about {needed / 2**30:.2f} GiB for {configuration.strategy.name}: a model of {size / 1e6:.1f} MB and "
        f"{replies} replies at a time"
    )
    free = _available()
    if not free:
        yield MEMORY.passes("memory", told)
        return
    told += f", of {free / 2**30:.1f} GiB free"
    remedy = "End other programs, choose a smaller model, or a strategy that does not hold every update."
    if needed > free:
        yield MEMORY.fails("memory", told, remedy)
    elif needed > TIGHT * free:
        yield MEMORY.warns("memory", told, remedy)
    else:
        yield MEMORY.passes("memory", told)


def _available() -> int:
    """Return the bytes of memory that the system could give now; 0 if it does not tell."""
    try:
        fields = dict(
            line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        )
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


def _clock(roster: Roster | None, now: dt.datetime) -> Iterator[Finding]:
    """Look whether the clock is kept right: sites sign with the time, and may be 5 s ahead or 5 minutes behind."""
    remedy = "Synchronise the clock (NTP)."
    if roster is not None and roster.issued > now + dt.timedelta(seconds=5):
        told = f"{now:%Y-%m-%d %H:%M} UTC, and the roster was issued on {roster.issued:%Y-%m-%d %H:%M}, later"
        yield CLOCK.fails("time", told, remedy, code="FC610")
        return
    synchronised = _synchronised()
    if synchronised is False:
        yield CLOCK.warns(
            "time", f"{now:%Y-%m-%d %H:%M:%S} UTC; the system says that nothing keeps it right", remedy
        )
    else:
        kept = (
            "kept right by the system" if synchronised else "the system does not say whether it is kept right"
        )
        yield CLOCK.passes("time", f"{now:%Y-%m-%d %H:%M:%S} UTC; {kept}")


def _synchronised() -> bool | None:
    """Return whether Linux's clock is disciplined (adjtimex(2)); None where that cannot be asked."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state: int = ctypes.CDLL("libc.so.6").adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != 5  # TIME_ERROR: not synchronised
