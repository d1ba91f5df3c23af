"""One run of a study in a process of its own, and the predictions it leaves."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedchemo.server.tracking.tracked import NOWHERE, Tracking
from fedchemo.simulations.studies.course import left, rounds
from fedchemo.simulations.studies.plan import POOLED_SITE, Job

if TYPE_CHECKING:
    import pandas as pd

    from fedchemo.client.cohort import Cohort
    from fedchemo.client.participant import Participant
    from fedchemo.client.policy import Policy
    from fedchemo.simulations.simulate import Simulated

COLUMNS = (
    "variant",
    "partition",
    "privacy",
    "fold",
    "method",
    "seed",
    "trained_at",
    "site",
    "patient",
    "outcome",
    "probability",
    "clinical",
)
"""``privacy`` names what the hospitals demanded; ``trained_at`` the hospital of a local model, empty otherwise;
``clinical`` is the probability of the logistic model on clinical variables that every run starts from."""
# Predictions are per patient: as private as what they come from.
PRIVATE = 0o600
Beside = dict[str, list[dict[str, Any]]]
"""What a run leaves beside its predictions, rows by kind: see `BESIDE`."""
BESIDE = ("probes", "rounds", "left", "cost")
"""Shortcut probes (`fedchemo.simulations.probes.beside.Probed.table_rows`), and how the run went
(`fedchemo.simulations.studies.course`)."""
Row = tuple[str, str, float, float, float]
"""Where the model was trained, patient, outcome, probability, clinical probability."""


def run_job(job: Job, results: Path, scratch: Path, cache: Path, tracking: Tracking = NOWHERE) -> str:
    """Run a job and write its predictions; nothing if they are there.

    Args:
        job: the run.
        results: folder of predictions, a file a job.
        scratch: where run folders may lie meanwhile.
        cache: folder of prepared images.
        tracking: where its runs are logged as well.

    Returns:
        The job's digest.

    Raises:
        FedchemoError: whatever a simulation raises.
    """
    target = results / f"{job.digest}.parquet"
    if target.exists():
        return job.digest
    from fedchemo.shared.atomic import replacing, write_text

    runs = scratch / f"{job.digest}-{os.getpid()}"
    beside = Beside({kind: [] for kind in BESIDE})
    began = time.process_time()
    try:
        frame = _frame(job, list(_rows(job, runs, cache, beside, tracking)))
    finally:
        shutil.rmtree(runs, ignore_errors=True)
    beside["cost"].append({"cpu_seconds": time.process_time() - began})
    located = {kind: [{**_cell(job), **row} for row in rows] for kind, rows in beside.items()}
    # First, for a run is done when its predictions are there.
    write_text(beside_file(results, job), json.dumps(located, allow_nan=False))
    with replacing(target, mode=PRIVATE) as part:
        frame.to_parquet(part, index=False)
    return job.digest


def beside_file(results: Path, job: Job) -> Path:
    """Return where what a run leaves beside its predictions is kept."""
    return results / f"{job.digest}.beside.json"


def _rows(job: Job, runs: Path, cache: Path, beside: Beside, tracking: Tracking) -> Iterator[Row]:
    """Run the federation, the pooled patients, or every hospital alone; a model of all hospitals is probed."""
    folder = job.layout.folder
    if job.method == POOLED_SITE:
        pooled = folder / POOLED_SITE / POOLED_SITE
        simulated = _simulated(job, [pooled], runs / POOLED_SITE, cache, beside, tracking)
        beside["probes"] += _probed(job, simulated)
        yield from _predicted(job, simulated, simulated.participants.values(), "")
        return
    sites = _sites(job)
    if job.method != "local":
        simulated = _simulated(job, sites, runs / "federated", cache, beside, tracking)
        beside["probes"] += _probed(job, simulated)
        beside["left"] += left(runs / "federated")
        yield from _predicted(job, simulated, simulated.participants.values(), "")
        return
    policy = job.privacy.of(job.minimum_patients)
    everyone = {site.name: _participant(site, cache, policy) for site in sites}
    for site in sites:
        own = everyone[site.name]
        judged = list(everyone.values()) if job.cross_site else [own]
        if not own.trains() or not any(each.cohort.patients("test") for each in judged):
            continue
        simulated = _simulated(job, [site], runs / site.name, cache, beside, tracking)
        yield from _predicted(job, simulated, judged, site.name)


def _simulated(
    job: Job, folders: list[Path], run: Path, cache: Path, beside: Beside, tracking: Tracking
) -> Simulated:
    from fedchemo.server.run_folder import RunFolder
    from fedchemo.simulations.simulate import local_engine, simulate

    title = f"{job.title}, {run.name}" if job.method == "local" else job.title
    with tracking.of(title, logging.getLogger(__name__).error) as tracked:
        simulated = simulate(
            folders,
            job.configuration,
            RunFolder(run),
            cache=cache,
            minimum_patients=job.minimum_patients,
            demands=job.privacy.policy,
            device="cpu",
            # Jobs run side by side and use every core already.
            engine=partial(local_engine, workers=1),
            listeners=tracked,
            read=lambda sites: [cohort_of(site) for site in sites],
        )
    beside["rounds"] += rounds(run)
    return simulated


def _sites(job: Job) -> list[Path]:
    return sorted(path for path in (job.layout.folder / "sites").iterdir() if (path / "site.toml").is_file())


def _probed(job: Job, simulated: Simulated) -> list[dict[str, Any]]:
    """Return what the model's image embedding gives away; the pooled patients count at their own hospitals."""
    if not job.configuration.site.imaging.enabled:
        return []
    from fedchemo.simulations.probes.beside import probed
    from fedchemo.simulations.probes.whereabouts import whereabouts

    found = probed(
        simulated.participants.values(),
        job.configuration.site,
        simulated.outcome.opening.statistics,
        simulated.outcome.weights,
        whereabouts(_sites(job)),
    )
    return [{**row, "gate": found.gate} for row in found.table_rows()] if found else []


def _participant(site: Path, cache: Path, policy: Policy) -> Participant:
    from fedchemo.client.participant import Participant

    return Participant(cohort_of(site), cache, policy=policy)


@lru_cache(maxsize=128)
def cohort_of(site: Path) -> Cohort:
    """Return a site's patients; read once a process, for the seeds and methods of a fold follow one another."""
    from fedchemo.simulations.simulate import read_sites

    return read_sites([site])[0]


def _predicted(
    job: Job, simulated: Simulated, judged: Iterable[Participant], trained_at: str
) -> Iterator[Row]:
    """Yield the test patients of the hospitals that are judged."""
    outcome = simulated.outcome
    # A hospital's own model, where the method leaves it one, is what it predicts with; a hospital that was left out, or
    # is judged by another's model, has the run's.
    for participant in judged:
        if not participant.cohort.patients("test"):
            continue
        (patients, probabilities, labels), (_, clinical, _) = (
            participant.probabilities("test", job.configuration.site, outcome.opening.statistics, weights)
            for weights in (simulated.used_at(participant.name), outcome.baseline)
        )
        for patient, label, probability, baseline in zip(
            patients, labels, probabilities, clinical, strict=True
        ):
            yield trained_at, patient, float(label), float(probability), float(baseline)


def _frame(job: Job, rows: list[Row]) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame(rows, columns=["trained_at", "patient", "outcome", "probability", "clinical"])
    found["site"] = found["patient"].map(dict(job.layout.site_of))
    return found.assign(**_cell(job))[list(COLUMNS)]


def _cell(job: Job) -> dict[str, Any]:
    """Return where in the grid a run stands."""
    layout = job.layout
    return {
        "variant": layout.variant,
        "partition": layout.partition,
        "privacy": job.privacy.name,
        "fold": layout.fold,
        "method": job.method,
        "seed": job.seed,
    }
