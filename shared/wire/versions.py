"""What each side runs, told in headers of the first request and its answer, and who must upgrade to what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from fedchemo.shared.configuration import PROTOCOL

FEDCHEMO, PROTOCOL_NAME, FLWR = "fedchemo-version", "fedchemo-protocol", "fedchemo-flwr"
"""Names of the headers. flwr's own say its version on the way to the coordinator only."""
QUESTION = "fedchemo-question"
"""Header of an activation that asks whether the site would be let in, and lets nobody in."""
_RELEASE = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,39}")


@dataclass(frozen=True)
class Versions:
    """What one side runs; None is what it does not tell."""

    fedchemo: str | None
    protocol: int | None
    flwr: str | None

    @classmethod
    def here(cls) -> Versions:
        """Return what this process runs."""
        return cls(version("fedchemo"), PROTOCOL, version("flwr"))

    @classmethod
    def told(cls, headers: Mapping[str, str]) -> Versions:
        """Return what another side tells in headers (names in lower case); anything odd counts as not told."""
        protocol = headers.get(PROTOCOL_NAME, "")
        return cls(
            _release(headers.get(FEDCHEMO)),
            int(protocol) if re.fullmatch(r"[0-9]{1,6}", protocol, re.ASCII) else None,
            _release(headers.get(FLWR)),
        )

    def headers(self) -> dict[str, str]:
        """Return them as headers."""
        found = {FEDCHEMO: self.fedchemo, PROTOCOL_NAME: self.protocol, FLWR: self.flwr}
        return {name: str(value) for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Difference:
    """How two sides differ.

    Attributes:
        code: FC303 (protocol) or FC609 (flwr), with which they cannot work together; FC616 (fedchemo), with which
            they can.
        what: in words, with both versions and who must upgrade to what.
    """

    code: str
    what: str

    @property
    def fatal(self) -> bool:
        """Whether they cannot work together."""
        return self.code != "FC616"


def difference(site: Versions, coordinator: Versions) -> Difference | None:
    """Return the gravest difference between a site and its coordinator, or None; what is not told is not compared."""
    if _differ(site.protocol, coordinator.protocol):
        older = (site.protocol or 0) < (coordinator.protocol or 0)
        told = f"the coordinator speaks protocol {coordinator.protocol}, this site {site.protocol}"
        return Difference("FC303", f"{told}: {_upgrade(site, coordinator, site_is_older=older)}")
    if _differ(site.flwr and _minor(site.flwr), coordinator.flwr and _minor(coordinator.flwr)):
        older = _number(site.flwr) < _number(coordinator.flwr)
        told = f"the coordinator runs flwr {coordinator.flwr}, this site {site.flwr}"
        return Difference("FC609", f"{told}: {_upgrade(site, coordinator, site_is_older=older)}")
    if _differ(site.fedchemo, coordinator.fedchemo):
        older = _number(site.fedchemo) < _number(coordinator.fedchemo)
        told = f"the coordinator runs fedchemo {coordinator.fedchemo}, this site {site.fedchemo}"
        return Difference("FC616", f"{told}: {_upgrade(site, coordinator, site_is_older=older)}")
    return None


def _differ(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other


def _upgrade(site: Versions, coordinator: Versions, *, site_is_older: bool) -> str:
    older, newer = ("this site", coordinator) if site_is_older else ("the coordinator", site)
    release = f"fedchemo {newer.fedchemo}" if newer.fedchemo else "the other side's release of fedchemo"
    return f"{older} must upgrade to {release}, with its requirements.lock"


def _release(told: str | None) -> str | None:
    return told if told is not None and _RELEASE.fullmatch(told) else None


def _number(release: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release or ""))


def _minor(release: str) -> tuple[int, ...]:
    """Return major and minor version: within them, flwr's releases understand each other."""
    return _number(release)[:2]
