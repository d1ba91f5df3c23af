"""A hospital's worker process in which things go wrong when a test says so, in a file beside its images.

The file holds JSON: in which round, and which of `FAULTS`. It is read anew for each training.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from fedchemo.client.worker import serving
from fedchemo.shared.atomic import write_text

PLAN = "faults.json"
_CUT = threading.Event()
FITS = 2
"""Patients that the memory holds in the faults about memory."""


def plan(images: Path, **fields: Any) -> None:
    """Let something go wrong in the worker of the hospital whose prepared images lie in this folder."""
    write_text(images.parent / PLAN, json.dumps(fields))


def serve(connection: Any, vectors: Any) -> None:
    """Be the worker process's `fedchemo.client.worker.serving.serve`, with faults."""
    from fedchemo.client.methods import trainer
    from fedchemo.client.training import loop

    train_round, objective, made = trainer.train_round, loop.objective, serving._participant
    path = Path()

    def noted(client: Any, setup: serving.Setup) -> Any:
        nonlocal path
        path = setup.images.parent / PLAN
        return made(client, setup)

    def faulty_round(*arguments: Any, **options: Any) -> Any:
        told = json.loads(path.read_text()) if path.exists() else {}
        if told.get("round") != options["round_number"]:
            return train_round(*arguments, **options)
        step, progress = FAULTS[told["fault"]], options.pop("progress")

        def after_a_step(*said: Any) -> None:
            progress(*said)
            step(arguments[1])
            while told["fault"] == "slow" and json.loads(path.read_text()) == told:
                time.sleep(0.02)
                progress(*said)

        def tight(model: Any, images: Any, has_image: Any, clinical: Any, labels: Any) -> Any:
            if len(labels) > FITS and told["fault"] in TIGHT:
                TIGHT[told["fault"]]()
            return objective(model, images, has_image, clinical, labels)

        with mock.patch.object(loop, "objective", tight):
            return train_round(*arguments, progress=after_a_step, **options)

    with (
        mock.patch.object(serving, "_participant", noted),
        mock.patch.object(trainer, "train_round", faulty_round),
    ):
        serving.serve(connection, vectors)


def _kill(number: int) -> Callable[[Any], None]:
    return lambda _data: os.kill(os.getpid(), number)


def _raise(_data: Any) -> None:
    raise LookupError("patient MRN-0042 in /data/ward-7")


def _cut_short(data: Any) -> None:
    """Damage the files of the prepared images, once a process."""
    if _CUT.is_set():
        return
    _CUT.set()
    for path in data.images._files.values():
        path.write_bytes(path.read_bytes()[:100])


def _allocate() -> None:
    import torch

    torch.empty(2**50)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "segfault": lambda _data: ctypes.string_at(0),
    "exit": lambda _data: os._exit(3),
    "kill": _kill(signal.SIGKILL),
    "terminate": _kill(signal.SIGTERM),
    "hang": lambda _data: threading.Event().wait(),
    "raise": _raise,
    "cut an image short": _cut_short,
    **dict.fromkeys(("slow", "no memory", "ended for memory"), lambda _data: None),
}
"""After the first step of the round, given the training data."""
TIGHT: dict[str, Callable[[], None]] = {
    "no memory": _allocate,
    "ended for memory": lambda: os.kill(os.getpid(), signal.SIGKILL),
}
"""Where more than two patients are computed at a time."""


def main() -> None:
    """Be the command ``fedchemo`` with such workers."""
    from fedchemo.client.worker import process
    from fedchemo.shared import command

    with mock.patch.object(process, "serve", serve):
        command.main()
