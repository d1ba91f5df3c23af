"""The way to the coordinator: proxy, name, port, TLS, clock, round trip."""

from __future__ import annotations

import datetime as dt
import email.utils
import http.client
import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fedchemo.client.check.certificate import Shown, shown_on
from fedchemo.client.fleet.faults import no_connection
from fedchemo.client.fleet.proxy import Proxy, find_proxy
from fedchemo.client.fleet.transport import CONNECT_S, Transport
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.findings import Finding, Part
from fedchemo.shared.kit import Kit

PART = Part("network")
ROUND_TRIPS = 5
SLOW_MS = 500.0
# A request may be dated 5 s into the coordinator's future and 5 minutes into its past (FC610).
AHEAD_S, BEHIND_S, APART_S = 4.0, 290.0, 2.0
RESOLUTION_S = 1.0
"""HTTP tells the time in whole seconds."""


@dataclass(frozen=True)
class Look:
    """What one request for ``/health`` showed; times in seconds, the clock positive if it is ahead here."""

    answer: str
    round_trip: float
    ahead: float | None


def check_network(kit: Kit, proxy: str | None) -> Iterator[Finding]:
    """Look at the way to the coordinator, step by step; the first step that fails is the last line."""
    try:
        between = find_proxy(kit.host, proxy)
    except FedchemoError as error:
        yield PART.error("proxy", error)
        return
    yield _ports(kit, between)
    yield PART.passes("proxy", f"{between.address}, from {between.source}" if between else "none")
    name = _name(between.host if between else kit.host, "proxy" if between else "coordinator")
    yield name
    if name.verdict == "fail":
        return
    transport = Transport(kit, proxy)
    connection = transport.connection()
    try:
        yield from _connected(connection, kit, between, proxy)
        yield from _health(connection, kit)
    except (http.client.HTTPException, OSError) as error:
        yield PART.error("health", no_connection(error, kit.address))
    except _FoundError as found:
        yield found.finding
    finally:
        connection.close()


class _FoundError(Exception):
    """The step that failed: no further one makes sense."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def _ports(kit: Kit, proxy: Proxy | None) -> Finding:
    way = (
        f"to the proxy {proxy.address}, which must allow CONNECT to {kit.address}"
        if proxy
        else f"to {kit.address}"
    )
    return PART.passes("ports needed", f"one, outgoing: TCP {way}; none is opened on this machine")


def _name(host: str, whose: str) -> Finding:
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError as error:
        reason = error.strerror or error
        remedy = f"Check the name of the {whose} and this machine's DNS; where only a proxy knows it, name the proxy."
        return PART.fails("name", f"{host}: {reason}", remedy, code="FC618" if whose == "proxy" else "FC601")
    return PART.passes("name", host if found == [host] else f"{host} is {', '.join(found[:4])}")


def _connected(
    connection: http.client.HTTPSConnection, kit: Kit, proxy: Proxy | None, option: str | None
) -> Iterator[Finding]:
    """Open the connection: first the port or the tunnel, then TLS.

    Raises:
        _FoundError: for the step that failed.
    """
    began = time.monotonic()
    try:
        connection.connect()
    except FedchemoError as error:  # of the proxy
        raise _FoundError(PART.error("port", error)) from error
    except ssl.SSLError as error:
        yield _port(kit, proxy, time.monotonic() - began)
        raise _FoundError(_untrusted(error, kit, option)) from error
    except OSError as error:
        raise _FoundError(PART.error("port", no_connection(error, kit.address))) from error
    yield _port(kit, proxy, time.monotonic() - began)
    stream = connection.sock
    assert isinstance(stream, ssl.SSLSocket)
    cipher = stream.cipher()
    yield PART.passes(
        "TLS",
        f"{stream.version()}, {cipher[0] if cipher else 'no cipher'}; the certificate is this federation's",
    )


def _port(kit: Kit, proxy: Proxy | None, seconds: float) -> Finding:
    through = f" through {proxy.address}" if proxy else ""
    return PART.passes("port", f"{kit.address} answers{through} ({1000 * seconds:.0f} ms to open, with TLS)")


def _untrusted(error: ssl.SSLError, kit: Kit, option: str | None) -> Finding:
    """Say what is wrong with TLS and, if it is not this federation's certificate, whose it is."""
    numbered = no_connection(error, kit.address)
    seen = _seen(kit, option) if numbered.code in {"FC603", "FC604", "FC605"} else None
    if seen is None:
        return PART.error("TLS", numbered)
    if numbered.code == "FC603" and not seen.federations:
        numbered = FedchemoError("FC622", f"{kit.address}: {seen}")
    elif numbered.code == "FC603" and seen.ours:
        numbered = FedchemoError("FC603", f"{numbered.what}; {seen}; the federation was provisioned anew")
    else:
        numbered = FedchemoError(numbered.code, f"{numbered.what}; {seen}")
    return PART.error("TLS", numbered)


def _seen(kit: Kit, option: str | None) -> Shown | None:
    """Return the certificate that is shown, over a second connection by the same way."""
    try:
        connected = _raw(kit, option)
    except (FedchemoError, OSError, http.client.HTTPException):
        return None
    with connected:
        return shown_on(connected, kit)


def _raw(kit: Kit, option: str | None) -> socket.socket:
    """Return a TCP connection that ends at the coordinator, or at whoever answers in its place."""
    proxy = find_proxy(kit.host, option)
    if proxy is None:
        return socket.create_connection((kit.host, kit.port), timeout=CONNECT_S)
    plain = http.client.HTTPConnection(proxy.host, proxy.port, timeout=CONNECT_S)
    plain.set_tunnel(kit.host, kit.port, headers=proxy.headers(kit.address))
    plain.connect()
    found: socket.socket = plain.sock
    return found


def _health(connection: http.client.HTTPSConnection, kit: Kit) -> Iterator[Finding]:
    looks = [_look(connection) for _ in range(ROUND_TRIPS)]
    if looks[0].answer != "200 ok":
        raise _FoundError(
            PART.error(
                "health", FedchemoError("FC608", f"{kit.address} answers {looks[0].answer:.60} to /health")
            )
        )
    yield PART.passes("health", "the coordinator is serving")
    milliseconds = 1000 * statistics.median(look.round_trip for look in looks)
    if milliseconds > SLOW_MS:
        yield PART.warns(
            "round trip",
            f"{milliseconds:.0f} ms",
            "Look for a VPN or proxy far away: each round takes some ten round trips.",
        )
    else:
        yield PART.passes("round trip", f"{milliseconds:.1f} ms, median of {ROUND_TRIPS}")
    yield _clock([look.ahead for look in looks if look.ahead is not None])


def _look(connection: http.client.HTTPSConnection) -> Look:
    if connection.sock is not None:
        connection.sock.settimeout(CONNECT_S)
    began = time.monotonic()
    connection.request("GET", "/health")
    response = connection.getresponse()
    here = dt.datetime.now(dt.UTC)
    content = response.read(1024)
    seconds = time.monotonic() - began
    try:
        there = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
        # The date was cut to seconds and took half a round trip to come.
        ahead = (here - there).total_seconds() - RESOLUTION_S / 2 - seconds / 2
    except (ValueError, TypeError, OverflowError):
        ahead = None
    shown = "".join(one if one.isprintable() else "" for one in content.decode("latin-1"))
    return Look(f"{response.status} {shown}".strip(), seconds, ahead)


def _clock(ahead: list[float]) -> Finding:
    if not ahead:
        return PART.warns(
            "clock", "the coordinator does not tell its time", "Check this machine's clock (NTP)."
        )
    apart = statistics.median(ahead)
    told = f"{abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} the coordinator's"
    remedy = "Synchronise the clock (NTP): requests are signed with the time."
    if apart > AHEAD_S or apart < -BEHIND_S:
        return PART.fails("clock", told, remedy, code="FC610")
    if abs(apart) > APART_S:
        return PART.warns("clock", told, remedy)
    return PART.passes("clock", f"within {max(abs(apart), RESOLUTION_S):.0f} s of the coordinator's")
