"""A process of hospitals on the network, a thread a kit: ``python -m`` this module, and the kits.

With ``--bare`` as the first argument they have no gate and no ledger: to tell what these cost.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.client.gate import Gate
from fedchemo.client.ledger import Ledger
from fedchemo.shared.kit import Kit, read_kit
from fedchemo.simulations.benchmarks.processes import started
from fedchemo.simulations.benchmarks.workload import answer

from flwr.app import Context, Message  # isort: skip - silenced by then

BARE = "--bare"
PATIENCE_S = 300.0
"""Hundreds of sites that share one process may be silent for long, and are not lost."""


def serve(kits: Sequence[Path], *, gate: bool) -> None:
    """Serve for each kit until SIGTERM, or until the benchmark that started this process is gone."""
    nodes = [_node(read_kit(kit), kit.parent if gate else None) for kit in kits]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark sends SIGTERM when it is interrupted
    for node in nodes:
        threading.Thread(target=node.run, daemon=True).start()
    threading.Thread(target=_watch, args=(ended,), daemon=True).start()
    ended.wait()


def _node(kit: Kit, ledgers: Path | None) -> HospitalNode:
    gated = ledgers is not None

    def app(message: Message, _context: Context) -> Message:
        return answer(message, kit.site, gate=gated)

    gate = None
    if ledgers is not None:
        gate = Gate(Ledger(ledgers / f"{kit.site}.ledger", ledgers / f"{kit.site}.head"))
    return HospitalNode(kit, app, on_event=lambda _kind, _details: None, heartbeat=PATIENCE_S, gate=gate)


def _watch(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


@contextlib.contextmanager
def hospitals(kits: Sequence[Sequence[Path]], *, gate: bool = True) -> Iterator[None]:
    """Run a process for each group of kits while the context lasts."""
    command = [sys.executable, "-m", __name__, *(() if gate else (BARE,))]
    with contextlib.ExitStack() as stack:
        for group in kits:
            stack.enter_context(started([*command, *map(str, group)], stdin=subprocess.PIPE))
        yield


if __name__ == "__main__":
    bare = BARE in sys.argv[1:2]
    serve([Path(argument) for argument in sys.argv[1 + bare :]], gate=not bare)
