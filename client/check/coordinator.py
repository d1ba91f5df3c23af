"""What the coordinator answers to one signed question: is this kit's key known, and do the releases fit?

The question is an activation with a header that says that it is only a question (`shared/wire/versions.py`): the
coordinator compares versions and looks the key up in its roster, and lets nobody in. So a client that runs with the
same kit is not disturbed, and the federation does not count on a site that only asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from fedchemo.client.fleet.session import FleetSession, Standing
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.findings import Finding, Part
from fedchemo.shared.kit import Kit
from fedchemo.shared.wire.versions import Versions

ROSTER, VERSIONS, LINE = Part("roster"), Part("versions"), Part("network")
MODEL_MB = 3.7
"""The default model's 0.92 million weights."""
SLOW_MB_S = 0.1


def check_coordinator(kit: Kit, proxy: str | None) -> Iterator[Finding]:
    """Ask the coordinator; yields lines of throughput, roster and versions."""
    with closing(FleetSession(kit, heartbeat=10, proxy=proxy)) as session:
        try:
            standing = session.ask()
        except FedchemoError as error:
            if error.code in {"FC303", "FC609"}:
                yield VERSIONS.error("versions", error)
            else:
                yield ROSTER.error("key", error)
                yield _versions(session)
            return
        if standing.bytes:
            yield _throughput(standing)
        if standing.online:
            yield ROSTER.passes("key", f"known as {kit.site}; a client with this kit is connected now")
        else:
            yield ROSTER.passes("key", f"known as {kit.site}; the coordinator would let this site in")
        yield _versions(session)


def _versions(session: FleetSession) -> Finding:
    here = _told(Versions.here())
    there = _told(session.coordinator)
    if session.difference is not None:
        found = FedchemoError(session.difference.code, session.difference.what)
        return VERSIONS.error("versions", found, verdict="fail" if session.difference.fatal else "warn")
    if not there:
        return VERSIONS.passes("versions", f"here {here}; the coordinator tells its own to members only")
    return VERSIONS.passes(
        "versions",
        f"here and at the coordinator {here}" if here == there else f"here {here}; the coordinator {there}",
    )


def _told(versions: Versions) -> str:
    parts = (
        ("fedchemo", versions.fedchemo),
        ("protocol", versions.protocol),
        ("flwr", versions.flwr),
    )
    return ", ".join(f"{name} {value}" for name, value in parts if value is not None)


def _throughput(standing: Standing) -> Finding:
    speed = standing.bytes / 1e6 / max(standing.seconds, 1e-6)
    model = f"the default model ({MODEL_MB} MB) takes {MODEL_MB / speed:.2g} s"
    told = f"at least {speed:.3g} MB/s from the coordinator; {model}"
    if speed < SLOW_MB_S:
        return LINE.warns(
            "throughput", told, "Ask the network team whether the line, a proxy or a VPN is so slow."
        )
    return LINE.passes("throughput", told)
