"""Half an hour of random faults: ``make soak``, or ``SOAK_MINUTES=5 make soak``; ``SOAK_SEED`` repeats the faults.

Two hospitals at a time, and the coordinator, are struck while one run goes on after the other. Every run that ends
is held against a reference. The status is 1 if anything that must hold did not.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.federation.chaos.campaign import Campaign, Struck
from tests.federation.chaos.clock import built
from tests.federation.chaos.consortium import Consortium, consortium, is_free, until
from tests.federation.chaos.disk import may_mount
from tests.federation.chaos.faults import FAULTS
from tests.federation.chaos.forge import forge

PATIENTS = {"A": 60, "B": 50, "C": 70, "D": 55, "E": 65}
SPARED = "E"
"""Its process lives as long as the soak: what it keeps too much of would show."""
RUN = {"rounds": 80, "quorum": 2, "deadline_s": 6.0}
WANTED = 20
"""Faults of each kind in half an hour."""
SAMPLE_S, TELL_S, WARM_S = 5.0, 60.0, 120.0
STEADY_MB_PER_HOUR = 40.0
"""A party of 60 MB that gains less in an hour is flat: one round's garbage comes and goes."""
HOSPITAL_LANES = 2
OUT = Path("runs", "soak.json")


class Memory:
    """Samples what each party uses.

    Args:
        parties: whose.
    """

    def __init__(self, parties: Consortium) -> None:
        self._parties, self._began = parties, time.monotonic()
        self.samples: dict[str, list[tuple[float, float]]] = {}

    def look(self) -> None:
        at = time.monotonic() - self._began
        for name, megabytes in self._parties.memory().items():
            self.samples.setdefault(name, []).append((round(at, 1), round(megabytes, 1)))

    def trend(self, name: str) -> tuple[float, float, float]:
        """Return the median of the first and of the last tenth (MB), and the slope (MB an hour) after warming up."""
        found = self.samples[name]
        tenth = max(1, len(found) // 10)
        first, last = (statistics.median(mb for _, mb in part) for part in (found[:tenth], found[-tenth:]))
        warm = [(at, mb) for at, mb in found if at > min(WARM_S, found[-1][0] / 3)]
        if len(warm) < 10:
            return first, last, 0.0
        return first, last, 3600 * statistics.linear_regression(*zip(*warm, strict=True)).slope


def kinds(strikes: str) -> list[str]:
    """Return the faults that can be inflicted on this machine."""
    able = {"": True, "disk": may_mount(), "clock": built_here()}
    return [kind for kind, fault in FAULTS.items() if fault.strikes == strikes and able[fault.needs]]


def built_here() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return built(Path(folder)) is not None


def dealt(found: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield kinds for ever: each once, shuffled, then each once again."""
    while True:
        yield from chance.sample(found, len(found))


def soak(minutes: float, seed: int, console: Console) -> dict[str, Any]:
    """Strike for some minutes; return all that was found."""
    chance = random.Random(seed)
    console.print(f"seed {seed}; {minutes:g} minutes; {len(PATIENTS)} hospitals, quorum {RUN['quorum']}")
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    began = time.monotonic()
    end = began + 60 * minutes
    with forge(clock=built(folder)) as forged, consortium(folder, forged, PATIENTS) as parties:
        campaign, memory = Campaign(parties, dict(RUN), chance, spared=SPARED), Memory(parties)
        campaign.go_on()
        decks = [dealt(kinds("hospital"), chance), dealt(kinds("coordinator"), chance)]
        shared = threading.Lock()

        def lane(deck: Iterator[str]) -> None:
            while time.monotonic() < end:
                with shared:
                    kind = next(deck)
                campaign.strike(kind, settled=False)

        lanes = [
            threading.Thread(target=lane, args=(deck,)) for deck in [decks[0]] * HOSPITAL_LANES + decks[1:]
        ]
        for thread in lanes:
            thread.start()
        told = 0.0
        while any(thread.is_alive() for thread in lanes):
            memory.look()
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                console.print(_now(campaign, told - began))
            time.sleep(SAMPLE_S)
        campaign.finish()
        memory.look()
        statuses = parties.close()
        broken = [
            *campaign.broken,
            *(f"{name} ended with {status}" for name, status in statuses.items() if status != 0),
            *_growth(memory),
        ]
        if not until(lambda: not forged.descendants(), seconds=30):
            broken.append(f"processes left behind: {forged.descendants()}")
        if not is_free(parties.port):
            broken.append("the port is still in use")
        restarts = {
            machine.name: machine.starts for machine in (parties.coordinator, *parties.hospitals.values())
        }
    return {
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "faults": {kind: _summary([one for one in campaign.struck if one.kind == kind]) for kind in FAULTS},
        "longest_wait_s": max(one.waited_s for one in campaign.struck),
        "runs": {
            "completed": len(campaign.checks),
            **{
                what: sum(found.get(what, 0) for found in campaign.checks.values())
                for what in ("rounds", "replies", "resumed", "void")
            },
            "updates_lost": sum(len(found.get("lost", ())) for found in campaign.checks.values()),
        },
        "starts": restarts,
        "memory_mb": {
            name: dict(
                zip(("first", "last", "slope_per_hour"), map(_rounded, memory.trend(name)), strict=True)
            )
            for name in sorted(memory.samples)
        },
        "samples": memory.samples,
        "struck": [one.__dict__ for one in campaign.struck],
        "broken": broken,
        "folder": str(folder) if broken else None,
    }


def _growth(memory: Memory) -> Iterator[str]:
    slope = memory.trend(SPARED)[2]
    if slope > STEADY_MB_PER_HOUR:
        yield f"the memory of {SPARED} grows by {slope:.0f} MB an hour"


def _rounded(value: float) -> float:
    return round(value, 1)


def _now(campaign: Campaign, seconds: float) -> str:
    rounds = (
        sum(found.get("rounds", 0) for found in campaign.checks.values()) + campaign.consortium.watch.rounds
    )
    return (
        f"{seconds / 60:5.1f} min: {len(campaign.struck)} faults, {len(campaign.checks)} runs checked, "
        f"{rounds} rounds, {len(campaign.broken)} broken"
    )


def _summary(struck: list[Struck]) -> dict[str, Any]:
    waits = [one.waited_s for one in struck]
    return {
        "inflicted": len(struck),
        "survived": sum(one.survived for one in struck),
        "median_wait_s": round(statistics.median(waits), 1) if waits else None,
        "longest_wait_s": max(waits, default=None),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Print what was found."""
    table = Table(title=f"{found['minutes']:g} minutes, seed {found['seed']}", title_justify="left")
    table.add_column("fault")
    for name in ("inflicted", "survived", "median wait", "longest wait"):
        table.add_column(name, justify="right")
    for kind, one in found["faults"].items():
        waits = (f"{one[name]} s" if one["inflicted"] else "" for name in ("median_wait_s", "longest_wait_s"))
        table.add_row(FAULTS[kind].what, str(one["inflicted"]), str(one["survived"]), *waits)
    console.print(table)
    memory = Table(title="memory of each party alone (MB)", title_justify="left")
    for name in ("party", "starts", "first", "last", "an hour"):
        memory.add_column(name, justify="left" if name == "party" else "right")
    for name, one in found["memory_mb"].items():
        memory.add_row(
            name,
            str(found["starts"][name]),
            *(str(one[part]) for part in ("first", "last")),
            f"{one['slope_per_hour']:+}",
        )
    console.print(memory)
    runs = found["runs"]
    console.print(
        f"{runs['completed']} runs, {runs['rounds']} rounds, {runs['replies']} replies counted, "
        f"{runs['resumed']} resumptions; {runs['updates_lost']} updates did not count; "
        f"the others waited {found['longest_wait_s']} s at most"
    )
    few = [kind for kind, one in found["faults"].items() if one["inflicted"] < WANTED]
    if few:
        console.print(f"fewer than {WANTED} of: {', '.join(few)}")
    for what in found["broken"]:
        console.print(f"[red]broken[/]: {what}", markup=True, soft_wrap=True)
    console.print(f"{len(found['broken'])} invariants broken")


def main() -> None:
    minutes = float(os.environ.get("SOAK_MINUTES", "30"))
    seed = int(os.environ.get("SOAK_SEED", secrets.randbelow(10**6)))
    console = Console(highlight=False, width=120)
    found = soak(minutes, seed, console)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    show(found, console)
    console.print(f"all of it: {OUT}")
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
