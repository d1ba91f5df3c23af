"""Small federations for tests of the network: folders, coordinators, sites in threads and in processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fedchemo.client.fleet.node import App, HospitalNode
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.server.fleet.grid import FleetGrid
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import Kit, read_kit

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict  # isort: skip - silenced by then

SITES = ("A", "B", "C")


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], Any], *, seconds: float = 120, what: str = "") -> Any:
    """Wait until a call returns something true, and return that; fail at the deadline."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


def federation(
    folder: Path,
    *,
    sites: tuple[str, ...] = SITES,
    hosts: tuple[str, ...] = ("127.0.0.1",),
    port: int | None = None,
) -> FederationFolder:
    """Make a federation on the loopback interface."""
    request = FederationRequest("trial", hosts, port or free_port(), sites, 30)
    return provision(folder, request)[0]


def kit_of(folder: FederationFolder, site: str) -> Kit:
    """Return the kit of a site."""
    return read_kit(folder.kit(site))


def messages(grid: FleetGrid, weights: Any, kind: str = "train", **config: Any) -> list[Message]:
    """Return one message for each site online; they share one content, as those of a round do."""
    content = RecordDict(
        {
            "arrays": ArrayRecord({"weights": Array(np.asarray(weights, np.float32))}),
            "config": ConfigRecord(config),
        }
    )
    return [Message(content, node, kind) for node in grid.sites().values()]


def by_site(grid: FleetGrid, replies: Iterator[Message]) -> dict[str, Any]:
    """Return what each site answered: its weights, or the code of its error."""
    names = grid._link.names
    return {
        names[reply.metadata.src_node_id]: reply.error.reason
        if reply.has_error()
        else reply.content["arrays"]["weights"].numpy()
        for reply in replies
    }


class Events:
    """Keeps what a node tells."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, kind: str, details: Mapping[str, Any]) -> None:
        self.told.append((kind, dict(details)))

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [details for told, details in list(self.told) if told == kind]


@contextlib.contextmanager
def serving(kit: Kit, app: App) -> Iterator[tuple[HospitalNode, Events]]:
    """Run a node in a thread while the context lasts."""
    events = Events()
    node = HospitalNode(kit, app, on_event=events)
    thread = threading.Thread(target=node.run, daemon=True)
    thread.start()
    try:
        yield node, events
    finally:
        node.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


class SiteProcess:
    """A node in a process of its own, running `tests/trivial_site.py`."""

    def __init__(self, kit: Path, *arguments: str) -> None:
        script = Path(__file__).parent / "trivial_site.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(kit), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.events = Events()
        self._errors = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            kind, details = json.loads(line)
            self.events(kind, details)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self, *, seconds: float = 20) -> int:
        """Ask it to end, and return its exit status."""
        self._process.terminate()
        return self._process.wait(timeout=seconds)

    def end(self) -> str:
        """Make sure that it has ended; return what it wrote to stderr."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(timeout=10)
        assert self._process.stderr is not None
        if not self._process.stderr.closed:
            with self._process.stderr as errors:
                self._errors = errors.read()
        return self._errors


@contextlib.contextmanager
def site_processes(
    folder: FederationFolder, sites: tuple[str, ...] = SITES
) -> Iterator[dict[str, SiteProcess]]:
    """Run a process for each site while the context lasts."""
    running = {site: SiteProcess(folder.kit(site)) for site in sites}
    try:
        yield running
    finally:
        for process in running.values():
            process.end()
