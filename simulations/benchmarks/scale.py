"""Many virtual hospitals: ``python -m fedchemo.simulations.benchmarks.scale SITES`` simulates a run and prints figures.

The whole of `fedchemo simulate`, on site folders of clinical variables with 30 patients each: what is measured is what
a site costs, not what its images do.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from fedchemo.server.events import Event
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.benchmarks.memory import peak

PATIENTS, ROUNDS = 30, 4


@dataclass(frozen=True)
class Scale:
    """What a run of many sites took.

    Attributes:
        round_s: seconds from one round's beginning to the next's, the first left out.
        opened_mb: peak resident memory when the first round began: the cohorts are read, every site has a role.
        peak_mb: peak resident memory at the end.
    """

    round_s: tuple[float, ...]
    opened_mb: float
    peak_mb: float


def measured(sites: int) -> Scale:
    """Return the figures of a fresh process.

    Raises:
        FedchemoError: FC765 if it fails.
    """
    command = [sys.executable, "-m", __name__, str(sites)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FedchemoError("FC765", f"a run of {sites} sites: {done.stderr[-500:]}")
    found = json.loads(done.stdout)
    return Scale(tuple(found["round_s"]), found["opened_mb"], found["peak_mb"])


def write_sites(folder: Path, sites: int) -> list[Path]:
    """Write that many site folders."""
    columns = "patient_id,pcr,age_years,hr,her2,tumour_volume_cc"
    made = []
    for number in range(sites):
        name = f"site{number:04d}"
        stream = numpy_stream(0, "benchmark", number, "patients")
        hr, her2 = stream.integers(0, 2, (2, PATIENTS))
        pcr = stream.random(PATIENTS) < 1 / (1 + 2 ** (1.0 + hr - her2))
        age, volume = stream.normal(50, 8, PATIENTS).clip(25, 85), 2 ** stream.normal(4, 1, PATIENTS)
        rows = zip(pcr.astype(int), age.round(1), hr, her2, volume.round(2), strict=True)
        lines = [f"P{index:03d}," + ",".join(map(str, row)) for index, row in enumerate(rows)]
        site = folder / name
        site.mkdir(parents=True)
        (site / "site.toml").write_text(f'name = "{name}"\ndataset = "benchmark"\n', encoding="utf-8")
        (site / "clinical.csv").write_text("\n".join([columns, *lines]) + "\n", encoding="utf-8")
        made.append(site)
    return made


def run(sites: int) -> Scale:
    """Simulate a run in this process."""
    from fedchemo.server.run_folder import RunFolder
    from fedchemo.shared.configuration import RunConfiguration, parse
    from fedchemo.simulations.simulate import simulate

    begun: list[float] = []
    opened: list[float] = []

    def listen(event: Event) -> None:
        if event["event"] == "round_started":
            begun.append(time.perf_counter())
            opened.append(peak())

    content = {"rounds": ROUNDS, "site": {"imaging": {"enabled": False}}}
    with tempfile.TemporaryDirectory() as scratch:
        simulate(
            write_sites(Path(scratch, "sites"), sites),
            parse(RunConfiguration, content, source="benchmark"),
            RunFolder(Path(scratch, "run")),
            cache=Path(scratch, "cache"),
            device="cpu",
            listeners=[listen],
        )
    seconds = tuple(after - before for before, after in itertools.pairwise(begun[1:]))
    return Scale(seconds, opened[0], peak())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(int(sys.argv[1])))) + "\n")
