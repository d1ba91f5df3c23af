"""The faults: each happens to one party, lasts a while, and is over when its function returns."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.federation.chaos.consortium import Consortium
from tests.federation.chaos.machines import Hospital, Machine

DAY = 24 * 3600


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        what: in words.
        inflict: does it to a hospital, or to the coordinator whichever hospital is given, and mends it; returns
            what it was in words.
        strikes: ``hospital`` or ``coordinator``.
        needs: ``clock`` or ``disk``, if it needs a machine whose clock or disk can be meddled with.
    """

    what: str
    inflict: Callable[[Consortium, Hospital, random.Random], str]
    strikes: str = "hospital"
    needs: str = ""
    ends_process: bool = False
    """Whether the hospital's process ends by it."""


def _kill_hospital(_: Consortium, hospital: Hospital, __: random.Random) -> str:
    hospital.signal(signal.SIGKILL)
    return "kill -9"


def _freeze(consortium: Consortium, hospital: Hospital, chance: random.Random) -> str:
    """Stop a hospital and all that it has started, as a machine that is suspended."""
    seconds = chance.uniform(*consortium.long_s)
    frozen = hospital.processes()
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(seconds)
    return f"SIGSTOP for {seconds:.0f} s"


def _cut(_: Consortium, hospital: Hospital, chance: random.Random) -> str:
    seconds = chance.uniform(0, 4)
    hospital.line.refuses = True
    hospital.line.cut()
    time.sleep(seconds)
    hospital.line.restore()
    return f"connections reset, none for {seconds:.1f} s"


def _silence(consortium: Consortium, hospital: Hospital, chance: random.Random) -> str:
    seconds = chance.uniform(*consortium.long_s)
    hospital.line.silence()
    time.sleep(seconds)
    if chance.random() < 0.5:
        hospital.line.cut()
    hospital.line.restore()
    return f"nothing passes for {seconds:.0f} s"


def _delay(_: Consortium, hospital: Hospital, chance: random.Random) -> str:
    latency, seconds = chance.uniform(0.1, 0.8), chance.uniform(2, 5)
    hospital.line.latency_s = latency
    time.sleep(seconds)
    hospital.line.restore()
    return f"{1000 * latency:.0f} ms each way for {seconds:.0f} s"


def _garble(_: Consortium, hospital: Hospital, chance: random.Random) -> str:
    pieces = chance.randint(1, 3)
    changed = hospital.line.garble(pieces, within_s=6)
    hospital.line.restore()
    return f"one bit changed in {changed} pieces"


def _skew(_: Consortium, hospital: Hospital, chance: random.Random) -> str:
    return _skewed(hospital, chance)


def _skew_coordinator(consortium: Consortium, _: Hospital, chance: random.Random) -> str:
    return _skewed(consortium.coordinator, chance)


def _skewed(machine: Machine, chance: random.Random) -> str:
    ahead = chance.choice([-1, 1]) * chance.choice([20, 300, 3600, 400 * DAY])
    machine.clock.set(ahead)
    time.sleep(chance.uniform(2, 5))
    machine.clock.set(0)
    return f"clock {ahead:+d} s"


def _fill(_: Consortium, hospital: Hospital, chance: random.Random) -> str:
    hospital.disk.fill()
    time.sleep(chance.uniform(1, 4))
    hospital.disk.clear()
    return "no room for a byte"


def _fill_coordinator(consortium: Consortium, _: Hospital, chance: random.Random) -> str:
    consortium.coordinator.disk.fill()
    time.sleep(chance.uniform(1, 4))
    consortium.coordinator.disk.clear()
    return "no room for a byte"


def _kill_coordinator(consortium: Consortium, _: Hospital, __: random.Random) -> str:
    consortium.coordinator.signal(signal.SIGKILL)
    return "kill -9, resumed"


def _stop_coordinator(consortium: Consortium, _: Hospital, __: random.Random) -> str:
    consortium.coordinator.signal(signal.SIGINT)
    return "Ctrl-C, resumed"


def _expire(consortium: Consortium, _: Hospital, chance: random.Random) -> str:
    consortium.papers.certify(seconds=2.5)  # the coordinator looks once a second
    time.sleep(3.5)
    for hospital in consortium.hospitals.values():  # so that everyone sees it: open connections stay
        hospital.line.cut()
    seconds = chance.uniform(1, 4)
    time.sleep(seconds)
    consortium.papers.certify(seconds=30 * DAY)
    return f"out of date for {seconds:.0f} s, then renewed"


def _expire_kit(consortium: Consortium, hospital: Hospital, chance: random.Random) -> str:
    consortium.papers.admit(hospital.name, seconds=0)
    time.sleep(chance.uniform(2, 5))
    consortium.papers.admit(hospital.name, seconds=30 * DAY)
    return "its kit ended, then renewed"


FAULTS = {
    "kill hospital": Fault("a hospital's process is killed", _kill_hospital, ends_process=True),
    "freeze hospital": Fault("a hospital's process stands still", _freeze),
    "cut line": Fault("a hospital's connections are reset", _cut),
    "silent line": Fault("a hospital's line drops everything", _silence),
    "slow line": Fault("a hospital's line is slow", _delay),
    "garbled line": Fault("a hospital's line changes bits", _garble),
    "clock of hospital": Fault("a hospital's clock is wrong", _skew, needs="clock"),
    "disk of hospital": Fault("a hospital's disk is full", _fill, needs="disk", ends_process=True),
    "kit expires": Fault("a hospital's membership ends", _expire_kit),
    "kill coordinator": Fault("the coordinator's process is killed", _kill_coordinator, "coordinator"),
    "stop coordinator": Fault("the coordinator is stopped", _stop_coordinator, "coordinator"),
    "clock of coordinator": Fault(
        "the coordinator's clock is wrong", _skew_coordinator, "coordinator", needs="clock"
    ),
    "disk of coordinator": Fault(
        "the coordinator's disk is full", _fill_coordinator, "coordinator", needs="disk"
    ),
    "certificate expires": Fault("the coordinator's certificate ends", _expire, "coordinator"),
}
