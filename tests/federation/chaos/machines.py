"""The machines of a federation: each party's process, clock, disk and, for a hospital, its line."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path

from tests.federation.chaos.clock import Clock
from tests.federation.chaos.disk import Disk
from tests.federation.chaos.forge import Member
from tests.federation.chaos.line import Line
from tests.federation.chaos.processes import below, private_megabytes


@dataclass
class Machine:
    """One party's.

    Attributes:
        name: the party's.
        log: what its process says.
        clock: its clock.
        disk: its disk.
        process: what runs now.
        starts: how often it was started.
        endings: with which status it ended, each time.
    """

    name: str
    log: Path
    clock: Clock
    disk: Disk
    process: Member | None = None
    starts: int = 0
    endings: list[int] = field(default_factory=list)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.signal(number)

    def processes(self) -> list[int]:
        """Return the ids of its process and of all that this has started."""
        return [self.process.pid, *below(self.process.pid)] if self.process else []

    def megabytes(self) -> float:
        """Return the memory that it alone uses, with all that it has started."""
        return private_megabytes(self.processes())


@dataclass(kw_only=True)
class Hospital(Machine):
    """A hospital, at its own end of its own line.

    Attributes:
        line: to the coordinator.
        kit: its kit, which names the line's port.
        site: its site folder.
    """

    line: Line
    kit: Path
    site: Path

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.disk.path / "state"

    def command(self) -> list[object]:
        return ["client", "--kit", self.kit, "--site", self.site, "--state", self.state, "--approve-all"]
