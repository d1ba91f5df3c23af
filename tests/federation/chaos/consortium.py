"""A coordinator and hospitals, each the real command on a machine of its own: a clock, a disk, a line, a service.

The service is what systemd is to a hospital: it starts again what has ended. A coordinator that ends with an error
is resumed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.deploy.provisioning.issuing import Issuer
from fedchemo.deploy.provisioning.opened import opened
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.keys import read_key
from fedchemo.shared.kit import read_kit, write_kit
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.private_file import PUBLIC
from tests.federation.chaos.clock import Clock
from tests.federation.chaos.disk import Disk, mounted
from tests.federation.chaos.forge import Forge, Member, private_megabytes
from tests.federation.chaos.line import Line, laid
from tests.federation.chaos.watch import Watch
from tests.networked import federation, free_port
from tests.sites import write_site

RESTART_S = 0.5
"""How long a service waits before it starts again what has ended."""
DISK_MB = 64
SETTINGS: Mapping[str, Any] = {"site": {"imaging": {"enabled": False}}, "keep_every": 1, "wait_s": 300.0}
"""Of every run: the clinical variables only, so that a round costs milliseconds; each round's model is kept."""


class Machine:
    """One party's.

    Args:
        name: the party's.
        folder: where its log and its disk lie.
        clock: its clock.
        disk: its disk.
    """

    def __init__(self, name: str, folder: Path, clock: Clock, disk: Disk) -> None:
        self.name, self.clock, self.disk = name, clock, disk
        self.log = folder / f"{name}.log"
        self.process: Member | None = None
        self.starts = 0
        self.endings: list[int] = []

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.signal(number)


class Hospital(Machine):
    """A hospital, at its own end of its own line."""

    def __init__(self, machine: tuple[str, Path, Clock, Disk], line: Line, kit: Path, site: Path) -> None:
        super().__init__(*machine)
        self.line, self.kit, self.site, self.state = line, kit, site, self.disk.path / "state"

    def command(self) -> list[object]:
        return [
            "client", "--kit", self.kit, "--site", self.site, "--state", self.state, "--approve-all",
        ]  # fmt: skip


class Consortium:
    """All of them; see `consortium`."""

    def __init__(
        self,
        folder: Path,
        forge: Forge,
        made: FederationFolder,
        port: int,
        coordinator: Machine,
        hospitals: Mapping[str, Hospital],
    ) -> None:
        self.folder, self.forge, self.made, self.port = folder, forge, made, port
        self.coordinator, self.hospitals = coordinator, hospitals
        self.run: Path | None = None
        self.watch = Watch()
        self.authority = Authority.load(made, passphrase=passphrase_of)
        self.long_s = (1.0, 25.0)
        """How long a hospital, or its line, may stand still."""
        self._runs = 0
        self._roster = threading.Lock()
        self._serving = True
        self._ended = threading.Event()
        self._ended.set()

    def begin(self, **settings: Any) -> Path:
        """Begin a run; return its folder."""
        self._runs += 1
        name = f"run-{self._runs}"
        (self.folder / f"{name}.toml").write_text(tomli_w.dumps({**SETTINGS, "name": name, **settings}))
        self.run = self.coordinator.disk.path / name
        self.watch.follow(self.run / "events.jsonl")
        self._start_run()
        self._ended.clear()
        return self.run

    def ended(self, *, within_s: float) -> bool:
        """Wait for the end of the run."""
        return self._ended.wait(within_s)

    def _start_run(self) -> None:
        assert self.run is not None
        if (self.run / "federation.toml").exists():
            arguments: list[object] = ["server", "resume", self.run]
        else:
            arguments = [
                "server", "start", "--federation", self.made.path, "--out", self.run, "--overwrite",
                "--config", self.folder / f"{self.run.name}.toml", "--port", self.port,
            ]  # fmt: skip
        self._start(self.coordinator, arguments)

    def _start(self, machine: Machine, arguments: list[object]) -> None:
        machine.starts += 1
        machine.process = self.forge.command(arguments, log=machine.log, clock=machine.clock.path)

    def serve(self) -> None:
        """Be the service of every machine until told otherwise."""
        down: dict[str, float] = {}
        while self._serving:
            for machine in (self.coordinator, *self.hospitals.values()):
                status = machine.process.status if machine.process else None
                if machine.process is None or status is None:
                    continue
                if machine.name not in down:
                    machine.endings.append(status)
                    down[machine.name] = time.monotonic() + RESTART_S
                    if machine is self.coordinator and status == 0:
                        machine.process = None
                        del down[machine.name]
                        self._ended.set()
                elif time.monotonic() > down[machine.name]:
                    del down[machine.name]
                    if isinstance(machine, Hospital):
                        self._start(machine, machine.command())
                    else:
                        self._start_run()
            self.watch.look()
            time.sleep(0.03)

    def open(self) -> None:
        for hospital in self.hospitals.values():
            self._start(hospital, hospital.command())

    def close(self) -> dict[str, int | None]:
        """Ask every party to end; return with which status it did, None if it did not."""
        if not self._serving:
            return {}
        self._serving = False
        machines = [machine for machine in (self.coordinator, *self.hospitals.values()) if machine.process]
        for machine in machines:
            machine.signal(signal.SIGTERM)
        end = time.monotonic() + 30
        statuses: dict[str, int | None] = {}
        for machine in machines:
            assert machine.process is not None
            while (status := machine.process.status) is None and time.monotonic() < end:
                time.sleep(0.05)
            statuses[machine.name] = status
        return statuses

    def check(self, run: Path, *, within_s: float = 240) -> dict[str, Any]:
        """Hold a run that has ended against all that must be true of it; see `check_run`."""
        log = self.folder / f"{run.name}.check"
        checking = self.forge.call(
            "tests.federation.chaos.check:check_run",
            log=log,
            run=str(run),
            sites={name: str(hospital.site) for name, hospital in self.hospitals.items()},
            states={name: str(hospital.state) for name, hospital in self.hospitals.items()},
        )
        end = time.monotonic() + within_s
        while (status := checking.status) is None and time.monotonic() < end:
            time.sleep(0.05)
        if status != 0:
            return {"broken": [f"the check itself failed: {log.read_text()[-2000:]}"]}
        found: dict[str, Any] = json.loads(Path(f"{log}.json").read_text())
        return found

    def processes(self, machine: Machine) -> list[int]:
        """Return the ids of a party's process and of all that it has started."""
        return self.forge.below(machine.process.pid) if machine.process else []

    def memory(self) -> dict[str, float]:
        """Return the memory that each party alone uses now, with all that it has started (MB)."""
        return {
            machine.name: private_megabytes(pids)
            for machine in (self.coordinator, *self.hospitals.values())
            if (pids := self.processes(machine))
        }

    def certify(self, *, seconds: float) -> None:
        """Give the coordinator a certificate that holds from now for some seconds."""
        now = dt.datetime.now(dt.UTC)
        key = read_key(self.made.server_key, passphrase=passphrase_of, absent="FC504")
        made = self.authority.server_certificate(
            key.public_key(),
            ["127.0.0.1"],
            valid_from=now - dt.timedelta(hours=1),
            valid_until=now + dt.timedelta(seconds=seconds),
        )
        write_bytes(self.made.server_certificate, certificate_pem(made), mode=PUBLIC)

    def admit(self, site: str, *, seconds: float) -> None:
        """Let a hospital's membership end in some seconds."""
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        with self._roster, opened(self.made, self.authority, days=30) as changed:
            changed.put_roster(
                site=[
                    member.model_copy(update={"until": until}) if member.name == site else member
                    for member in changed.roster.site
                ]
            )


@contextlib.contextmanager
def consortium(
    folder: Path, forge: Forge, sites: Mapping[str, int], *, latency_s: float = 0.004
) -> Iterator[Consortium]:
    """Make a federation of hospitals with so many patients each, and keep its services while the context lasts."""
    port = free_port()
    made = federation(folder / "federation", sites=tuple(sites), port=port)
    with contextlib.ExitStack() as stack:

        def machine(name: str) -> tuple[str, Path, Clock, Disk]:
            disk = stack.enter_context(mounted(folder / f"{name}-disk", megabytes=DISK_MB))
            return name, folder, Clock(folder / f"{name}.clock"), disk

        hospitals = {}
        for name, patients in sites.items():
            line = Line(free_port(), port, latency_s=latency_s)
            site = write_site(folder / "sites", name, patients=patients)
            kit = _kit(made, name, folder / f"{name}.kit", port=line.listen)
            hospitals[name] = Hospital(machine(name), line, kit, site)
        stack.enter_context(laid([hospital.line for hospital in hospitals.values()]))
        running = Consortium(folder, forge, made, port, Machine(*machine("coordinator")), hospitals)
        thread = threading.Thread(target=running.serve, name="services", daemon=True)
        running.open()
        thread.start()
        try:
            yield running
        finally:
            running.close()
            thread.join(timeout=10)


def _kit(made: FederationFolder, site: str, path: Path, *, port: int) -> Path:
    """Write a hospital's kit with the port of its own line."""
    kit = read_kit(made.kit(site))
    settings = made.read_settings().model_copy(update={"port": port})
    issuer = Issuer(Authority.load(made, passphrase=passphrase_of), settings, dt.datetime.now(dt.UTC), 30)
    write_kit(path, issuer.kit(site, kit.public_key, kit.private_key))
    return path


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
