"""One run of a study in a process of its own, and the predictions it leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

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
Row = tuple[str, str, float, float, float]
"""Where the model was trained, patient, outcome, probability, clinical probability."""


def run_job(job: Job, results: Path, scratch: Path, cache: Path) -> str:
    """Run a job and write its predictions; nothing if they are there.

    Args:
        job: the run.
        results: folder of predictions, a file a job.
        scratch: where run folders may lie meanwhile.
        cache: folder of prepared images.

    Returns:
        The job's digest.

    Raises:
        FedchemoError: whatever a simulation raises.
    """
    target = results / f"{job.digest}.parquet"
    if target.exists():
        return job.digest
    from fedchemo.shared.atomic import replacing

    runs = scratch / f"{job.digest}-{os.getpid()}"
    try:
        frame = _frame(job, list(_rows(job, runs, cache)))
    finally:
        shutil.rmtree(runs, ignore_errors=True)
    with replacing(target, mode=PRIVATE) as part:
        frame.to_parquet(part, index=False)
    return job.digest


def _rows(job: Job, runs: Path, cache: Path) -> Iterator[Row]:
    """Run the federation, the pooled patients, or every hospital alone."""
    folder = job.layout.folder
    if job.method == POOLED_SITE:
        simulated = _simulated(job, [folder / POOLED_SITE / POOLED_SITE], runs / POOLED_SITE, cache)
        yield from _predicted(job, simulated, simulated.participants.values(), "")
        return
    sites = sorted(path for path in (folder / "sites").iterdir() if (path / "site.toml").is_file())
    if job.method != "local":
        simulated = _simulated(job, sites, runs / "federated", cache)
        yield from _predicted(job, simulated, simulated.participants.values(), "")
        return
    policy = job.privacy.of(job.minimum_patients)
    everyone = {site.name: _participant(site, cache, policy) for site in sites}
    for site in sites:
        own = everyone[site.name]
        judged = list(everyone.values()) if job.cross_site else [own]
        if not own.trains() or not any(each.cohort.patients("test") for each in judged):
            continue
        yield from _predicted(job, _simulated(job, [site], runs / site.name, cache), judged, site.name)


def _simulated(job: Job, folders: list[Path], run: Path, cache: Path) -> Simulated:
    from fedchemo.server.run_folder import RunFolder
    from fedchemo.simulations.simulate import local_engine, simulate

    return simulate(
        folders,
        job.configuration,
        RunFolder(run),
        cache=cache,
        minimum_patients=job.minimum_patients,
        demands=job.privacy.policy,
        device="cpu",
        # Jobs run side by side and use every core already.
        engine=partial(local_engine, workers=1),
        read=lambda sites: [cohort_of(site) for site in sites],
    )


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
    for participant in judged:
        if not participant.cohort.patients("test"):
            continue
        (patients, probabilities, labels), (_, clinical, _) = (
            participant.probabilities("test", job.configuration.site, outcome.opening.statistics, weights)
            for weights in (outcome.weights, outcome.baseline)
        )
        for patient, label, probability, baseline in zip(
            patients, labels, probabilities, clinical, strict=True
        ):
            yield trained_at, patient, float(label), float(probability), float(baseline)


def _frame(job: Job, rows: list[Row]) -> pd.DataFrame:
    import pandas as pd

    layout = job.layout
    found = pd.DataFrame(rows, columns=["trained_at", "patient", "outcome", "probability", "clinical"])
    found["site"] = found["patient"].map(dict(layout.site_of))
    return found.assign(
        variant=layout.variant,
        partition=layout.partition,
        privacy=job.privacy.name,
        fold=layout.fold,
        method=job.method,
        seed=job.seed,
    )[list(COLUMNS)]
