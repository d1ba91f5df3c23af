"""The device, its memory and its speed: a training step of the default model at its real size."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.findings import Finding, Part

PART = Part("computing")
LONGEST_S = 300.0
TIGHT = 0.8
"""Share of the memory above which other programs may take what is missing."""
SLOW_EPOCH_S = 3600.0


def check_computing(device: str, training_patients: int) -> Iterator[Finding]:
    """Train a step; yields lines of device, memory and speed.

    Args:
        device: ``auto``, ``cpu`` or ``cuda:N``.
        training_patients: of this site, 0 if they are not known.
    """
    try:
        told = _step(device)
    except FedchemoError as error:
        yield PART.error("device", error)
        return
    yield PART.passes("device", f"{told['device']}: {told['reason']}")
    yield _memory(told)
    yield _speed(told, training_patients)


def _step(device: str) -> dict[str, Any]:
    """Return what a step took, in a process of its own.

    Raises:
        FedchemoError: FC310, FC321; FC099 if the process ends in an unforeseen way.
    """
    command = [sys.executable, "-m", "fedchemo.client.check.step", device]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise FedchemoError(
            "FC310", f"{device}: two training steps did not end in {LONGEST_S:.0f} s"
        ) from None
    if done.returncode == -signal.SIGKILL:
        raise FedchemoError("FC321", f"{device}: the system ended a training step, as it does without memory")
    lines = done.stdout.splitlines()
    try:
        told: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise FedchemoError(
            "FC310", f"{device}: a training step ended with status {done.returncode}: {last:.300}"
        ) from None
    if "code" in told:
        raise FedchemoError(told["code"], told["what"])
    return told


def _memory(told: dict[str, Any]) -> Finding:
    peak, there = told["peak"] / 2**30, told["available"] / 2**30
    words = f"{peak:.2f} GiB at most for a batch of {told['batch']}"
    if told["available"] <= told["peak"]:  # not told
        return PART.passes("memory", words)
    words += f", of {there:.1f} GiB that are free for it"
    if peak > TIGHT * there:
        return PART.warns("memory", words, "End other programs on this device.", code="FC321")
    return PART.passes("memory", words)


def _speed(told: dict[str, Any], patients: int) -> Finding:
    words = f"{1000 * told['seconds']:.0f} ms a step of {told['batch']} patients, {told['parameters']:,} parameters"
    epoch = told["seconds"] * patients / told["batch"]
    if patients:
        words += f"; about {epoch:.2g} s an epoch of {patients} patients"
    if epoch > SLOW_EPOCH_S:
        return PART.warns("speed", words, "Use a GPU, or agree on a longer --deadline with the coordinator.")
    return PART.passes("speed", words)
