"""Peak memory of a coordinator: ``python -m fedchemo.simulations.benchmarks.memory local|network SITES`` prints MB.

``local`` holds the virtual sites as well, which share its process; ``network`` is the coordinator alone, with
its sites in another process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

SIZE = "3.5 MB"
ROUNDS = 2


def peak_megabytes(way: str, sites: int) -> float:
    """Return the peak resident memory (MB) of a fresh process that coordinates two rounds.

    Raises:
        FedchemoError: FC765 if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, way, str(sites)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FedchemoError("FC765", f"memory of {sites} sites: {done.stderr[-500:]}")
    return float(done.stdout)


def peak() -> float:
    """Return the peak resident memory (MB) of this process so far."""
    # Not getrusage: its maximum begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def _local(sites: int) -> None:
    from fedchemo.simulations.benchmarks.rounds import overheads
    from fedchemo.simulations.benchmarks.workload import site_names, virtual_sites
    from fedchemo.simulations.engines.local import LocalGrid

    names = site_names(sites)
    grid = LocalGrid(virtual_sites(), names, workers=2)
    overheads(grid, SIZE, sites=names, rounds=ROUNDS, lanes=1)
    grid.close()


def _network(sites: int) -> None:
    from fedchemo.simulations.benchmarks.network import networked
    from fedchemo.simulations.benchmarks.rounds import overheads

    with (
        tempfile.TemporaryDirectory() as scratch,
        networked(Path(scratch), sites, processes=1) as (grid, names),
    ):
        overheads(grid, SIZE, sites=names, rounds=ROUNDS, lanes=1)


if __name__ == "__main__":
    {"local": _local, "network": _network}[sys.argv[1]](int(sys.argv[2]))
    sys.stdout.write(f"{peak()}\n")
