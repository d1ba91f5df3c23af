"""Half an hour of random faults: ``make soak``, or ``SOAK_MINUTES=5 make soak``; ``SOAK_SEED`` draws the same faults.

Two hospitals at a time, and the coordinator, are struck while one run goes on after the other. Every run that ends
is held against a reference. The status is 1 if anything that must hold did not.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.federation.chaos.campaign import Campaign, Struck
from tests.federation.chaos.clock import built
from tests.federation.chaos.consortium import consortium, is_free, until
from tests.federation.chaos.disk import may_mount
from tests.federation.chaos.faults import FAULTS
from tests.federation.chaos.forge import forge
from tests.federation.chaos.memory import Memory
from tests.federation.chaos.report import show

PATIENTS = {"A": 60, "B": 50, "C": 70, "D": 55, "E": 65}
SPARED = "E"
"""Its process lives as long as the soak: what it keeps too much of would show."""
RUN = {"rounds": 40, "quorum": 2, "deadline_s": 5.0}
SAMPLE_S, TELL_S = 5.0, 60.0
STEADY_MB_PER_HOUR = 40.0
"""A hospital of 60 MB that gains less is flat: a round's garbage comes and goes."""
HOSPITAL_LANES = 2
OUT = Path("runs", "soak.json")


def soak(minutes: float, seed: int, console: Console) -> dict[str, Any]:
    """Strike for some minutes; return all that was found."""
    console.print(f"seed {seed}; {minutes:g} minutes; {len(PATIENTS)} hospitals, quorum {RUN['quorum']}")
    folder, chance = Path(tempfile.mkdtemp(prefix="soak-")), random.Random(seed)
    library = built(folder)
    with forge(clock=library) as forged, consortium(folder, forged, PATIENTS) as parties:
        campaign, memory = Campaign(parties, dict(RUN), chance, spared=SPARED), Memory(parties)
        able = {"": True, "disk": may_mount(), "clock": library is not None}
        began = time.monotonic()
        _strike(campaign, memory, console, able=able, end=began + 60 * minutes)
        campaign.finish()
        memory.look()
        statuses = parties.close()
        until(lambda: not forged.descendants(), seconds=30)
        broken = [
            *campaign.broken,
            *(f"{name} ended with {status}" for name, status in statuses.items() if status != 0),
            *(f"left behind: {command}" for command in forged.descendants().values()),
            *([] if is_free(parties.port) else ["the port is still in use"]),
        ]
    trends = {name: memory.trend(name) for name in sorted(memory.samples)}
    if trends[SPARED]["slope_per_hour"] > STEADY_MB_PER_HOUR:
        broken.append(f"the memory of {SPARED} grows by {trends[SPARED]['slope_per_hour']} MB an hour")
    checks = campaign.checks.values()
    sums = ("rounds", "replies", "resumed", "void")
    return {
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "faults": {kind: _summary([one for one in campaign.struck if one.kind == kind]) for kind in FAULTS},
        "longest_wait_s": max(one.waited_s for one in campaign.struck),
        "runs": {
            "completed": len(checks),
            **{what: sum(found.get(what, 0) for found in checks) for what in sums},
            "updates_lost": sum(len(found.get("lost", ())) for found in checks),
        },
        "starts": {machine.name: machine.starts for machine in parties.machines},
        "memory_mb": trends,
        "samples": memory.samples,
        "struck": [asdict(one) for one in campaign.struck],
        "broken": broken,
        "folder": str(folder),
    }


def _strike(
    campaign: Campaign, memory: Memory, console: Console, *, able: dict[str, bool], end: float
) -> None:
    """Strike in several lanes until the end; look at the memory and say how it goes meanwhile."""
    began = time.monotonic()
    campaign.go_on()
    decks = {
        strikes: _dealt(
            [kind for kind, one in FAULTS.items() if one.strikes == strikes and able[one.needs]],
            campaign.chance,
        )
        for strikes in ("hospital", "coordinator")
    }
    dealing = threading.Lock()

    def lane(strikes: str) -> None:
        while time.monotonic() < end:
            with dealing:
                kind = next(decks[strikes])
            try:
                campaign.strike(kind, settled=False)
            except Exception:  # noqa: BLE001 - a harness that fails must not look like a federation that holds
                campaign.accidents.append(f"{kind} could not be inflicted: {traceback.format_exc()}")

    lanes = [
        threading.Thread(target=lane, args=(strikes,), daemon=True)
        for strikes in (*["hospital"] * HOSPITAL_LANES, "coordinator")
    ]
    for thread in lanes:
        thread.start()
    told = began
    while any(thread.is_alive() for thread in lanes):
        memory.look()
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            rounds = sum(found.get("rounds", 0) for found in list(campaign.checks.values()))
            console.print(
                f"{(told - began) / 60:5.1f} min: {len(campaign.struck)} faults, {len(campaign.checks)} runs and "
                f"{rounds} rounds checked, {len(campaign.broken)} broken"
            )
        time.sleep(SAMPLE_S)


def _dealt(kinds: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield kinds for ever: each once, shuffled, then each once again."""
    while True:
        yield from chance.sample(kinds, len(kinds))


def _summary(struck: list[Struck]) -> dict[str, Any]:
    waits = [one.waited_s for one in struck]
    return {
        "inflicted": len(struck),
        "survived": sum(one.survived for one in struck),
        "median_wait_s": round(statistics.median(waits), 1) if waits else None,
        "longest_wait_s": max(waits, default=None),
    }


def main() -> None:
    """Soak, print, write ``runs/soak.json``."""
    minutes = float(os.environ.get("SOAK_MINUTES", "30"))
    seed = int(os.environ.get("SOAK_SEED", secrets.randbelow(10**6)))
    console = Console(highlight=False, width=120)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # disks are unmounted then
    found = soak(minutes, seed, console)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    show(found, console)
    console.print(f"all of it: {OUT}; logs: {found['folder']}")
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
