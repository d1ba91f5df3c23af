"""What a federation is asked to be, checked completely before anything is made."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import NAME_PATTERN

# RFC 1123: labels of letters, digits and inner hyphens; certificates carry no underscore.
HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LONGEST_VALIDITY_DAYS = 3650


@dataclass(frozen=True)
class FederationRequest:
    """A federation to be made.

    Args:
        name: the federation's name.
        hosts: DNS names and IP addresses of the coordinator; the kits name the first.
        port: the coordinator's TCP port.
        sites: names of the hospitals that get a key and a kit; others may join later.
        days: how long the server's certificate and the kits hold.
    """

    name: str
    hosts: Sequence[str]
    port: int
    sites: Sequence[str]
    days: int

    def check(self) -> None:
        """Refuse what cannot be made.

        Raises:
            FedchemoError: FC505 naming everything that is wrong.
        """
        _refuse(self._problems())

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(NAME_PATTERN, self.name):
            yield f"federation name {self.name!r} is not allowed"
        if not self.hosts:
            yield "no --host: under which name or address do the sites reach the coordinator?"
        yield from _of_sites(self.sites)
        yield from _of_hosts(self.hosts)
        yield from _of_port(self.port)
        yield from _of_days(self.days)


def check_sites(sites: Sequence[str]) -> None:
    """Refuse names of hospitals that are not allowed or given twice (FC505)."""
    _refuse(_of_sites(sites))


def check_address(hosts: Sequence[str], port: int | None) -> None:
    """Refuse hosts or a port that are not allowed (FC505)."""
    _refuse([*_of_hosts(hosts), *(_of_port(port) if port is not None else ())])


def check_days(days: int) -> None:
    """Refuse a time to hold that is not allowed (FC505)."""
    _refuse(_of_days(days))


def _refuse(problems: Iterable[str]) -> None:
    if found := "; ".join(problems):
        raise FedchemoError("FC505", found)


def _of_sites(sites: Sequence[str]) -> Iterator[str]:
    yield from (
        f"site name {site!r} is not allowed" for site in sites if not re.fullmatch(NAME_PATTERN, site)
    )
    # Kits are files, and on some disks AAI.kit and aai.kit are the same one.
    yield from (f"site {site!r} is named twice" for site in _repeated([site.lower() for site in sites]))


def _of_hosts(hosts: Sequence[str]) -> Iterator[str]:
    yield from (f"host {host!r} is no DNS name or IP address" for host in hosts if not _is_host(host))
    yield from (f"host {host!r} is named twice" for host in _repeated([host.lower() for host in hosts]))


def _of_port(port: int) -> Iterator[str]:
    if not 1 <= port <= 65535:
        yield f"port {port} is not between 1 and 65535"


def _of_days(days: int) -> Iterator[str]:
    if not 1 <= days <= LONGEST_VALIDITY_DAYS:
        yield f"{days} days are not between 1 and {LONGEST_VALIDITY_DAYS}"


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        # A name of digits only is a mistyped address.
        return len(host) <= 253 and all(map(HOST_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    return "%" not in host  # a zone such as fe80::1%eth0 means something on one machine only
