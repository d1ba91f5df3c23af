"""One run after the other, and faults while they go on: what the tests do in minutes and the soak in half an hour."""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.federation.chaos.consortium import Consortium, until
from tests.federation.chaos.faults import FAULTS, Fault
from tests.federation.chaos.machines import Hospital

STUCK_S = 150.0
"""A run that has not gone on so long after a fault was mended is stuck."""


@dataclass
class Struck:
    """What one fault did.

    Attributes:
        kind: of the fault.
        target: who was struck.
        detail: how.
        waited_s: longest time without the end of an exchange, while it lasted and until the run had gone on.
        lost: updates that did not count meanwhile, by site and round.
        survived: whether the run went on.
    """

    kind: str
    target: str
    detail: str = ""
    waited_s: float = 0.0
    lost: list[str] = field(default_factory=list)
    survived: bool = False


class Campaign:
    """Keeps runs going and strikes them; may be used from several threads.

    Args:
        consortium: whom to strike.
        settings: of every run.
        chance: decides all that is random.
        spared: a hospital whose process no fault ends: its memory is watched.
    """

    def __init__(
        self, consortium: Consortium, settings: dict[str, Any], chance: random.Random, *, spared: str = ""
    ) -> None:
        self.consortium, self._settings, self.chance, self._spared = consortium, settings, chance, spared
        self.struck: list[Struck] = []
        self.checks: dict[str, dict[str, Any]] = {}
        self.accidents: list[str] = []
        """What went wrong with the faults themselves."""
        self._run: Path | None = None
        self._beginning, self._choosing = threading.Lock(), threading.Lock()
        self._busy: set[str] = set()
        self._checking: list[threading.Thread] = []

    def go_on(self) -> None:
        """Begin a run if none is going on, and wait until rounds go by; the one that has ended is checked meanwhile."""
        with self._beginning:
            if self._run is None or self.consortium.ended(within_s=0):
                over, self._run = self._run, self.consortium.begin(**self._settings)
                self._check(over)
        until(lambda: self.consortium.watch.rounds >= 2 or self.consortium.ended(within_s=0), seconds=STUCK_S)

    def strike(self, kind: str, *, settled: bool = True) -> Struck:
        """Inflict a fault at a random moment, and wait until the run has gone on.

        Args:
            kind: of the fault.
            settled: wait until everyone who took part before has answered again; else until any exchange has ended.
        """
        self.go_on()
        consortium, watch, fault = self.consortium, self.consortium.watch, FAULTS[kind]
        there = set(watch.taking_part())
        with self._target(fault, there) as hospital:
            struck = Struck(kind, hospital.name if fault.strikes == "hospital" else "coordinator")
            time.sleep(self.chance.uniform(0, 0.8))
            run, began = consortium.run, time.monotonic()
            struck.detail = fault.inflict(consortium, hospital, self.chance)
            mended = time.monotonic()

            def well() -> bool:
                if consortium.run != run or consortium.ended(within_s=0):
                    return True
                return watch.all_answered(there, mended) if settled else watch.advanced(mended)

            struck.survived = until(well, seconds=STUCK_S)
        struck.waited_s = round(watch.longest_pause(began, time.monotonic()), 1)
        struck.lost = watch.lost(began)
        self.struck.append(struck)
        return struck

    def finish(self) -> Path | None:
        """Let the last run end, and check it; return its folder, which stays."""
        if self._run is not None and self._run.name not in self.checks:
            ended = self.consortium.ended(within_s=STUCK_S)
            self._check(self._run, keep=True)
            for thread in self._checking:
                thread.join()
            if not ended:
                self.checks[self._run.name]["broken"].append("the run does not end")
        return self._run

    @contextlib.contextmanager
    def _target(self, fault: Fault, there: set[str]) -> Iterator[Hospital]:
        """Choose one of those that take part and are not struck already."""
        with self._choosing:
            spared = {self._spared} if fault.ends_process else set()
            hospitals = set(self.consortium.hospitals) - self._busy - spared
            name = self.chance.choice(sorted(hospitals & there or hospitals))
            if fault.strikes == "hospital":
                self._busy.add(name)
        try:
            yield self.consortium.hospitals[name]
        finally:
            if fault.strikes == "hospital":
                self._busy.discard(name)

    def _check(self, run: Path | None, *, keep: bool = False) -> None:
        if run is None:
            return

        def check() -> None:
            found = self.consortium.check(run)
            if found["broken"]:
                with contextlib.suppress(OSError):
                    shutil.copytree(run, self.consortium.folder / "broken" / run.name)
            self.checks[run.name] = found
            if not keep:
                shutil.rmtree(run, ignore_errors=True)

        thread = threading.Thread(target=check, name=f"check {run.name}")
        self._checking.append(thread)
        thread.start()

    @property
    def broken(self) -> list[str]:
        """Everything that is not as it must be."""
        stuck = [f"{one.kind} ({one.target}, {one.detail}): stuck" for one in self.struck if not one.survived]
        return [*self.accidents, *stuck] + [
            f"{run}: {what}" for run, found in self.checks.items() for what in found["broken"]
        ]
