"""Our federation over TLS on the loopback interface: coordinated here, its sites in processes of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.rounds.exchange import SiteGrid
from fedchemo.shared.federation import FederationFolder
from fedchemo.simulations.benchmarks.hospitals import PATIENCE_S, hospitals
from fedchemo.simulations.benchmarks.processes import free_port, until
from fedchemo.simulations.benchmarks.workload import site_names


def federation(folder: Path, sites: int) -> FederationFolder:
    """Provision a federation on the loopback interface."""
    request = FederationRequest("benchmark", ("127.0.0.1",), free_port(), site_names(sites), 30)
    return provision(folder / "federation", request)[0]


@contextlib.contextmanager
def networked(
    folder: Path, sites: int, *, processes: int, gate: bool = True
) -> Iterator[tuple[SiteGrid, list[str]]]:
    """Yield the grid and the names of its sites, once all are online; ``gate`` is off to tell what it costs."""
    made, names = federation(folder, sites), site_names(sites)
    kits = [[made.kit(name) for name in names[first::processes]] for first in range(processes)]
    online = Coordinator(made.path, lost_after_s=PATIENCE_S)
    with online as coordinator, hospitals(kits, gate=gate), coordinator.grid() as grid:
        until(lambda: len(grid.sites()) == sites, seconds=120, what=f"{sites} sites are online")
        yield grid, names
