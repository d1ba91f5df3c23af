"""A process of hospitals on the network, a thread a kit: ``python -m`` this module, and the kits."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.shared.kit import Kit, read_kit
from fedchemo.simulations.benchmarks.processes import started
from fedchemo.simulations.benchmarks.workload import answer

from flwr.app import Context, Message  # isort: skip - silenced by then

PATIENCE_S = 300.0
"""Hundreds of sites that share one process may be silent for long, and are not lost."""


def serve(kits: Sequence[Path]) -> None:
    """Serve for each kit until SIGTERM, or until the benchmark that started this process is gone."""
    nodes = [_node(read_kit(kit)) for kit in kits]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark sends SIGTERM when it is interrupted
    for node in nodes:
        threading.Thread(target=node.run, daemon=True).start()
    threading.Thread(target=_watch, args=(ended,), daemon=True).start()
    ended.wait()


def _node(kit: Kit) -> HospitalNode:
    def app(message: Message, _context: Context) -> Message:
        return answer(message, kit.site)

    return HospitalNode(kit, app, on_event=lambda _kind, _details: None, heartbeat=PATIENCE_S)


def _watch(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


@contextlib.contextmanager
def hospitals(kits: Sequence[Sequence[Path]]) -> Iterator[None]:
    """Run a process for each group of kits while the context lasts."""
    command = [sys.executable, "-m", __name__]
    with contextlib.ExitStack() as stack:
        for group in kits:
            stack.enter_context(started([*command, *map(str, group)], stdin=subprocess.PIPE))
        yield


if __name__ == "__main__":
    serve([Path(argument) for argument in sys.argv[1:]])
