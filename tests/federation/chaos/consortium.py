"""A coordinator and hospitals, each the real command on a machine of its own, and the services that keep them up.

A service is what systemd is to a hospital: it starts again what has ended. A coordinator that ends with an error is
resumed.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from fedchemo.shared.federation import FederationFolder
from tests.federation.chaos.clock import Clock
from tests.federation.chaos.disk import mounted
from tests.federation.chaos.forge import Forge
from tests.federation.chaos.line import Line, laid
from tests.federation.chaos.machines import Hospital, Machine
from tests.federation.chaos.papers import Papers
from tests.federation.chaos.watch import Watch
from tests.networked import federation, free_port
from tests.sites import write_site

RESTART_S = 0.5
"""How long a service waits before it starts again what has ended."""
DISK_MB = 64
SETTINGS: Mapping[str, Any] = {"site": {"imaging": {"enabled": False}}, "keep_every": 1, "wait_s": 300.0}
"""Of every run: the clinical variables only, so that a round costs milliseconds; each round's model is kept."""


class Consortium:
    """All of them; see `consortium`."""

    def __init__(
        self,
        folder: Path,
        forge: Forge,
        made: FederationFolder,
        coordinator: Machine,
        hospitals: Mapping[str, Hospital],
    ) -> None:
        self.folder, self.forge, self._made = folder, forge, made
        self.port = made.read_settings().port
        self.coordinator, self.hospitals = coordinator, hospitals
        self.papers, self.watch = Papers(made), Watch()
        self.run: Path | None = None
        self.long_s = (1.0, 25.0)
        """How long a hospital, or its line, may stand still."""
        self._runs = 0
        self._serving = True
        self._ended = threading.Event()
        self._ended.set()

    @property
    def machines(self) -> tuple[Machine, ...]:
        return self.coordinator, *self.hospitals.values()

    def begin(self, **settings: Any) -> Path:
        """Begin a run; return its folder."""
        self._runs += 1
        name = f"run-{self._runs}"
        (self.folder / f"{name}.toml").write_text(tomli_w.dumps({**SETTINGS, "name": name, **settings}))
        self.run = self.coordinator.disk.path / name
        self.watch.follow(self.run / "events.jsonl")
        self._ended.clear()
        self._coordinate()
        return self.run

    def ended(self, *, within_s: float) -> bool:
        """Wait for the end of the run."""
        return self._ended.wait(within_s)

    def open(self) -> None:
        for hospital in self.hospitals.values():
            self._start(hospital, hospital.command())

    def serve(self) -> None:
        """Be the service of every machine until told otherwise."""
        again: dict[str, float] = {}
        while self._serving:
            for machine in self.machines:
                status = machine.process.status if machine.process else None
                if status is None:
                    continue
                if machine.name not in again:
                    machine.endings.append(status)
                    again[machine.name] = time.monotonic() + RESTART_S
                if machine is self.coordinator and status == 0:
                    machine.process = None
                    del again[machine.name]
                    self.watch.look()
                    self._ended.set()
                elif time.monotonic() > again[machine.name]:
                    del again[machine.name]
                    if isinstance(machine, Hospital):
                        self._start(machine, machine.command())
                    else:
                        self._coordinate()
            self.watch.look()
            time.sleep(0.03)

    def close(self) -> dict[str, int | None]:
        """Ask every party to end; return with which status it did, None if it did not."""
        if not self._serving:
            return {}
        self._serving = False
        processes = {machine.name: machine.process for machine in self.machines if machine.process}
        for process in processes.values():
            process.signal(signal.SIGTERM)
        until(lambda: all(process.status is not None for process in processes.values()), seconds=30)
        return {name: process.status for name, process in processes.items()}

    def check(
        self, run: Path, *, states: Mapping[str, Path] | None = None, within_s: float = 240
    ) -> dict[str, Any]:
        """Hold a run that has ended against all that must be true of it; see `check_run`."""
        kept = {name: hospital.state for name, hospital in self.hospitals.items()} | dict(states or {})
        log = self.folder / f"{run.name}.check"
        checking = self.forge.call(
            "tests.federation.chaos.check:check_run",
            log=log,
            run=str(run),
            sites={name: str(hospital.site) for name, hospital in self.hospitals.items()},
            states={name: str(state) for name, state in kept.items()},
        )
        until(lambda: checking.status is not None, seconds=within_s)
        if checking.status != 0:
            return {"broken": [f"the check itself failed: {log.read_text()[-2000:]}"]}
        found: dict[str, Any] = json.loads(Path(f"{log}.json").read_text())
        return found

    def _coordinate(self) -> None:
        assert self.run is not None
        if (self.run / "federation.toml").exists():
            arguments: list[object] = ["server", "resume", self.run]
        else:
            arguments = [
                "server", "start", "--federation", self._made.path, "--out", self.run, "--overwrite",
                "--config", self.folder / f"{self.run.name}.toml", "--port", self.port,
            ]  # fmt: skip
        self._start(self.coordinator, arguments)

    def _start(self, machine: Machine, arguments: list[object]) -> None:
        machine.starts += 1
        machine.process = self.forge.command(arguments, log=machine.log, clock=machine.clock.path)


@contextlib.contextmanager
def consortium(
    folder: Path, forge: Forge, sites: Mapping[str, int], *, latency_s: float = 0.004
) -> Iterator[Consortium]:
    """Make a federation of hospitals with so many patients each, and keep its services while the context lasts."""
    made = federation(folder / "federation", sites=tuple(sites), port=free_port())
    port, papers = made.read_settings().port, Papers(made)
    with contextlib.ExitStack() as stack:

        def machine(name: str) -> dict[str, Any]:
            disk = stack.enter_context(mounted(folder / f"{name}-disk", megabytes=DISK_MB))
            clock = Clock(folder / f"{name}.clock")
            return {"name": name, "log": folder / f"{name}.log", "clock": clock, "disk": disk}

        hospitals = {}
        for name, patients in sites.items():
            line = Line(free_port(), port, latency_s=latency_s)
            kit = papers.kit(name, folder / f"{name}.kit", port=line.listen)
            site = write_site(folder / "sites", name, patients=patients)
            hospitals[name] = Hospital(**machine(name), line=line, kit=kit, site=site)
        stack.enter_context(laid([hospital.line for hospital in hospitals.values()]))
        running = Consortium(folder, forge, made, Machine(**machine("coordinator")), hospitals)
        thread = threading.Thread(target=running.serve, name="services", daemon=True)
        running.open()
        thread.start()
        try:
            yield running
        finally:
            running.close()
            thread.join(timeout=10)


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until(true: Callable[[], Any], *, seconds: float = 60) -> bool:
    """Wait for a condition; return whether it came true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.03)
    return True
