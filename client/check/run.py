"""All parts of the check, one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.findings import Finding, Part, guarded
from fedchemo.shared.kit import Kit, read_kit


@dataclass(frozen=True)
class Wish:
    """What to check.

    Args:
        kit: the kit file.
        site: the site folder.
        state: the state folder; None for the kit's default.
        device: ``auto``, ``cpu`` or ``cuda:N``.
        proxy: URL of an HTTP proxy; None for the environment's.
        images: whether to look into the images.
        passphrase_file: holds the passphrase of the hospital's own key.
    """

    kit: Path
    site: Path
    state: Path | None = None
    device: str = "auto"
    proxy: str | None = None
    images: bool = False
    passphrase_file: Path | None = None


Say = Callable[[str], None]


def check_client(wish: Wish, *, say: Say = lambda _doing: None) -> list[Finding]:
    """Return all lines; a part that cannot be looked at without another one that failed is left out.

    Args:
        wish: what to check.
        say: told what is being done.
    """
    from fedchemo.client.check.computing import PART as COMPUTING
    from fedchemo.client.check.computing import check_computing
    from fedchemo.client.check.data import PART as DATA
    from fedchemo.client.check.data import check_data, validated
    from fedchemo.client.check.disk import PART as DISK
    from fedchemo.client.check.disk import check_disk
    from fedchemo.client.check.policy import PART as POLICY
    from fedchemo.client.check.policy import check_policy
    from fedchemo.client.check.state import PART as STATE
    from fedchemo.client.check.state import check_state
    from fedchemo.client.state_folder import StatePaths

    found: list[Finding] = []

    def look(doing: str, part: Part, lines: Callable[[], Iterable[Finding]]) -> None:
        say(doing)
        found.extend(guarded(part, lines))

    kit: Kit | None = None
    kit_lines, kit = _kit(wish)
    found += kit_lines
    paths = StatePaths(wish.state or StatePaths.default(*((kit.federation, kit.site) if kit else ("", ""))))
    if kit is not None:
        found += _outside(kit, paths.path, wish, say)
    counts: dict[str, int] = {}

    def data() -> Iterable[Finding]:
        result = validated(wish.site, images=wish.images, expected=kit.site if kit else None, progress=None)
        counts.update(result.counts)
        return check_data(result)

    look("looking at the data", DATA, data)
    training = counts.get("train")
    if kit is not None or wish.state is not None:
        look("looking at the policy", POLICY, lambda: check_policy(paths.policy, training))
        look("looking at the state folder", STATE, lambda: check_state(paths.path))
        look("looking at the disk", DISK, lambda: check_disk(paths.path, counts.get("images", 0)))
    look("training a step", COMPUTING, lambda: check_computing(wish.device, training or 0))
    return found


def _kit(wish: Wish) -> tuple[list[Finding], Kit | None]:
    from fedchemo.client.check.kit import PART, check_kit

    try:
        kit = read_kit(wish.kit)
    except FedchemoError as error:
        return [PART.error("file", error)], None
    return list(check_kit(kit, dt.datetime.now(dt.UTC))), kit


def _outside(kit: Kit, state: Path, wish: Wish, say: Say) -> list[Finding]:
    """Look at the network, and ask the coordinator if it can be reached and the key is there."""
    from fedchemo.client.check.coordinator import ROSTER, check_coordinator
    from fedchemo.client.check.kit import PART as KIT
    from fedchemo.client.check.kit import check_key, with_key
    from fedchemo.client.check.network import PART as NETWORK
    from fedchemo.client.check.network import check_network

    found: list[Finding] = []
    usable: Kit | None = None
    try:
        usable = with_key(kit, state, passphrase_file=wish.passphrase_file)
        found.append(check_key(kit))
    except FedchemoError as error:
        found.append(KIT.error("key", error))
    say(f"looking for {kit.address}")
    network = list(guarded(NETWORK, lambda: check_network(kit, wish.proxy)))
    found += network
    reached = any(finding.name == "health" and finding.verdict == "pass" for finding in network)
    if usable is not None and reached:
        asked = usable
        say("asking the coordinator")
        found += guarded(ROSTER, lambda: check_coordinator(asked, wish.proxy))
    return found
