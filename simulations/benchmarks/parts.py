"""The parts of the benchmark; each yields its figures as they come."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.simulations.benchmarks.results import ALL_CORES, CORE_SECONDS, SIZES, Measurement

if TYPE_CHECKING:
    from fedchemo.simulations.benchmarks.rounds import Overhead

CORES = os.cpu_count() or 1
SITES_ON_NETWORK = 3
BARE_NETWORK = "network, no gate or ledger"
Part = Callable[[bool], Iterator[Measurement]]
"""Takes whether to be quick, at the price of precision."""


def _rounds(size: str, *, quick: bool) -> int:
    return 2 if quick else {"tiny": 20, "3.5 MB": 10, "100 MB": 8}[size]


def local(quick: bool) -> Iterator[Measurement]:
    """Our local engine."""
    from fedchemo.simulations.benchmarks.rounds import overheads
    from fedchemo.simulations.benchmarks.workload import site_names, virtual_sites
    from fedchemo.simulations.engines.local import LocalGrid

    for sites in (4, 20):
        names = site_names(sites)
        grid = LocalGrid(virtual_sites(), names)
        for size in SIZES:
            rounds = _rounds(size, quick=quick)
            found = overheads(grid, size, sites=names, rounds=rounds, lanes=min(sites, CORES))
            yield Measurement("local", tuple(one.seconds for one in found), sites=sites, size=size)
        grid.close()


def ray(quick: bool) -> Iterator[Measurement]:
    """Flower's own engine with Flower's own FedAvg and Grid."""
    from fedchemo.simulations.benchmarks import stock_app
    from fedchemo.simulations.benchmarks.workload import model
    from fedchemo.simulations.engines.flower import running

    for sites in (4, 20):
        with running(stock_app.client, sites) as (grid, _):
            for size in SIZES:
                rounds = 2 if quick or size == "100 MB" else 5
                seconds = stock_app.measured(
                    grid, model(size), sites=sites, rounds=rounds, lanes=min(sites, CORES)
                )
                yield Measurement("ray", tuple(seconds), sites=sites, size=size)


def network(quick: bool) -> Iterator[Measurement]:
    """Our coordinator and three of our hospitals over TLS, with their gates and ledgers and without."""
    from fedchemo.simulations.benchmarks.network import networked
    from fedchemo.simulations.benchmarks.rounds import overheads

    for what, gate in (("network", True), (BARE_NETWORK, False)):
        with (
            tempfile.TemporaryDirectory() as scratch,
            networked(Path(scratch), SITES_ON_NETWORK, processes=SITES_ON_NETWORK, gate=gate) as (
                grid,
                names,
            ),
        ):
            for size in SIZES:
                rounds = _rounds(size, quick=quick)
                found = overheads(grid, size, sites=names, rounds=rounds, lanes=min(SITES_ON_NETWORK, CORES))
                yield from _timed(what, found, size)


def stock(quick: bool) -> Iterator[Measurement]:
    """Stock SuperLink and three SuperNodes over TLS."""
    from fedchemo.simulations.benchmarks.network import federation
    from fedchemo.simulations.benchmarks.stock import stock_federation
    from fedchemo.simulations.benchmarks.workload import site_names

    with tempfile.TemporaryDirectory() as scratch:
        made = federation(Path(scratch), SITES_ON_NETWORK)
        with stock_federation(made, site_names(SITES_ON_NETWORK), Path(scratch) / "stock") as running:
            for size in SIZES:
                seconds = running.overheads(
                    size, rounds=1 if quick else 3, lanes=min(SITES_ON_NETWORK, CORES)
                )
                yield Measurement("stock", tuple(seconds), sites=SITES_ON_NETWORK, size=size)


def floor(quick: bool) -> Iterator[Measurement]:
    """The same bytes over bare TLS."""
    from fedchemo.simulations.benchmarks import workload
    from fedchemo.simulations.benchmarks.floor import seconds_a_round
    from fedchemo.simulations.benchmarks.network import federation

    with tempfile.TemporaryDirectory() as scratch:
        made = federation(Path(scratch), SITES_ON_NETWORK)
        for size in SIZES:
            found = seconds_a_round(
                made,
                4 * workload.SIZES[size],
                sites=SITES_ON_NETWORK,
                rounds=_rounds(size, quick=quick),
            )
            yield from _timed("floor", found, size)


def _timed(what: str, found: Sequence[Overhead], size: str) -> Iterator[Measurement]:
    """Yield a round by the clock, and of all cores together."""
    yield Measurement(what, tuple(one.seconds for one in found), sites=SITES_ON_NETWORK, size=size)
    processor = tuple(one.processor for one in found)
    yield Measurement(f"{what}, processors", processor, unit=ALL_CORES, sites=SITES_ON_NETWORK, size=size)


def account(quick: bool) -> Iterator[Measurement]:
    """What a round of 100 MB over the network is made of."""
    from fedchemo.simulations.benchmarks.account import SIZE, steps

    for step in steps(sites=SITES_ON_NETWORK, repeat=2 if quick else 5):
        what = f"{step.what} (in the floor)" if step.in_floor else step.what
        total = step.times * step.seconds
        yield Measurement(what, (total,), unit=CORE_SECONDS, sites=SITES_ON_NETWORK, size=SIZE)


def cache(quick: bool) -> Iterator[Measurement]:
    """Reads of the image cache."""
    from fedchemo.simulations.benchmarks.cache import reads_a_second

    with tempfile.TemporaryDirectory() as scratch:
        rate = reads_a_second(Path(scratch), seconds=0.5 if quick else 3.0)
    yield Measurement("image cache, one core", (rate,), unit="reads/s")


def memory(quick: bool) -> Iterator[Measurement]:
    """Peak memory of a coordinator, each figure in a fresh process."""
    from fedchemo.simulations.benchmarks.memory import SIZE, peak_megabytes

    for way in ("local",) if quick else ("local", "network"):
        for sites in (10, 200):
            peak = peak_megabytes(way, sites)
            yield Measurement(f"peak memory, {way}", (peak,), unit="MB", sites=sites, size=SIZE)


def scale(quick: bool) -> Iterator[Measurement]:
    """Whole simulated runs of many sites, each in a fresh process."""
    from fedchemo.simulations.benchmarks.scale import measured

    for sites in (10, 100) if quick else (10, 100, 1000):
        found = measured(sites)
        yield Measurement("simulated run, a round", found.round_s, sites=sites)
        yield Measurement("simulated run, memory at round 1", (found.opened_mb,), unit="MB", sites=sites)
        yield Measurement("simulated run, peak memory", (found.peak_mb,), unit="MB", sites=sites)


def importing(quick: bool) -> Iterator[Measurement]:  # noqa: ARG001 - shorter would measure the start of processes
    """From DICOM to site folder to prepared images."""
    from fedchemo.simulations.benchmarks.importing import COHORTS, measured, write_hospital

    for patients in COHORTS:
        with tempfile.TemporaryDirectory() as scratch:
            write_hospital(Path(scratch), patients)
            found = measured(Path(scratch))
        cohort = f"{patients} patients"
        rate = 60 * patients / (found.import_s + found.prepare_s)
        yield Measurement(f"DICOM to prepared images, {cohort}", (rate,), unit="patients/min")
        rate = 60 * patients / found.import_s
        yield Measurement(f"DICOM to site folder, {cohort}", (rate,), unit="patients/min")
        yield Measurement(f"peak memory of an import, {cohort}", (found.peak_mb,), unit="MB")


def start(quick: bool) -> Iterator[Measurement]:
    """The time until ``fedchemo --help`` has printed."""
    command = [sys.executable, "-c", "from fedchemo.shared.command import main; main()", "--help"]
    seconds = []
    for _ in range(3 if quick else 7):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    yield Measurement("fedchemo --help", tuple(seconds))


# Those that are compared with one another run one after the other.
PARTS: Mapping[str, Part] = {
    "local": local,
    "ray": ray,
    "network": network,
    "floor": floor,
    "stock": stock,
    "account": account,
    "cache": cache,
    "import": importing,
    "memory": memory,
    "scale": scale,
    "help": start,
}
