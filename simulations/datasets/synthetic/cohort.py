"""The whole cohort: clinical table, visits, images, and what can be learnt from it at best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from fedchemo.shared.clinical.schema import COLUMNS
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.contract import Dataset, PhaseFiles
from fedchemo.simulations.datasets.synthetic.clinical import (
    Vector,
    clinical_variables,
    patient_draws,
    site_margins,
    with_gaps,
)
from fedchemo.simulations.datasets.synthetic.examination import Patient, examine
from fedchemo.simulations.datasets.synthetic.outcome import ceiling, organisation, probability
from fedchemo.simulations.datasets.synthetic.scanner import SHAPE, Scanner, choose, site_scanners

NAME = "synthetic"
VISIT = "T0"
MOST_PATIENTS = 100_000
SMALLEST, LARGEST = 16, 512


def generate(
    folder: Path,
    *,
    patients: int,
    sites: int,
    seed: int,
    size: tuple[int, int, int] = SHAPE,
    image_fraction: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Dataset:
    """Make a cohort and write its images to ``folder/images/<patient>/T0/``.

    A patient depends on the seed, its number and the hospitals, not on how many patients there are: a smaller
    cohort is the beginning of a larger one. Half a megabyte a patient.

    Args:
        folder: where images are written; existing files of the same names are replaced.
        patients: how many.
        sites: how many hospitals, ``site01`` being the largest.
        seed: of every draw.
        size: voxels of a volume; fewer of them are larger.
        image_fraction: share of patients, chosen at random, who have images.
        progress: told how many patients are done, of how many.
        workers: threads that make images; the result does not depend on them.

    Raises:
        FedchemoError: FC751 if the numbers make no cohort; FC004 if an image cannot be written.
    """
    _require(patients, sites, size, image_fraction)
    draws, variables, truth = tables(patients=patients, sites=sites, seed=seed)
    scanners = _scanners(draws, variables, seed=seed)
    clinical = _clinical_frame(draws, variables, truth)
    clinical["vendor"] = [scanner.vendor for scanner in scanners]
    hidden, volumes = organisation(draws), variables["tumour_volume_cc"].to_numpy()
    imaged = draws["image"].to_numpy() < image_fraction

    def images_of(number: int) -> tuple[PhaseFiles, Mapping[str, float]] | None:
        if not imaged[number]:
            return None
        patient = Patient(number, float(volumes[number]), float(hidden[number]), scanners[number])
        examination = examine(patient, seed=seed, shape=size)
        return examination.write(folder / "images" / clinical.index[number] / VISIT), examination.measured

    images: dict[str, dict[str, PhaseFiles]] = {}
    visits: list[dict[str, str | float]] = []
    with ThreadPoolExecutor(workers) as pool:
        for number, (name, made) in enumerate(
            zip(clinical.index, pool.map(images_of, range(patients)), strict=True)
        ):
            if made is not None:
                images[name], measured = {VISIT: made[0]}, made[1]
                visits.append({"patient_id": name, "visit": VISIT, **measured})
            if progress:
                progress(number + 1, patients)
    return Dataset(
        name=NAME,
        clinical=clinical,
        visits=pd.DataFrame(
            visits, columns=["patient_id", "visit", "ftv_cc", "longest_diameter_mm", "sphericity", "bpe"]
        ),
        images=images,
        left_out={},
        notes=(
            f"{patients} synthetic patients in {sites} hospitals, seed {seed}: no real patient is in it",
            str(ceiling(image_fraction)),
        ),
    )


def tables(*, patients: int, sites: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, Vector]:
    """Return each patient's uniform draws, complete clinical variables, and true probability of pCR."""
    draws = patient_draws(seed, patients)
    variables = clinical_variables(draws, site_margins(seed, sites))
    return draws, variables, probability(variables, organisation(draws))


def _scanners(draws: pd.DataFrame, variables: pd.DataFrame, *, seed: int) -> list[Scanner]:
    available = {site: site_scanners(seed, int(site)) for site in np.unique(variables["site"])}
    return [
        choose(available[site], uniform)
        for site, uniform in zip(variables["site"], draws["vendor"], strict=True)
    ]


def _clinical_frame(draws: pd.DataFrame, variables: pd.DataFrame, truth: Vector) -> pd.DataFrame:
    """Return the clinical frame as the hospitals know it, with ``site``."""
    frame = with_gaps(variables, draws)
    names = [f"SYN{number:05d}" for number in range(1, len(frame) + 1)]
    frame.index = pd.Index(names, name="patient_id", dtype=object)
    frame["pcr"] = (draws["pcr"].to_numpy() < truth).astype(float)
    frame["split"] = None
    frame["site"] = [f"site{site + 1:02d}" for site in variables["site"]]
    return frame[[*COLUMNS[1:], "site"]]


def _require(patients: int, sites: int, size: tuple[int, int, int], image_fraction: float) -> None:
    if not 1 <= patients <= MOST_PATIENTS:
        raise FedchemoError("FC751", f"{patients} patients; between 1 and {MOST_PATIENTS} can be made")
    if not 1 <= sites <= patients:
        raise FedchemoError("FC751", f"{sites} sites for {patients} patients; each site needs a patient")
    if not all(SMALLEST <= voxels <= LARGEST for voxels in size):
        raise FedchemoError("FC751", f"volumes of {size} voxels; each axis has {SMALLEST} to {LARGEST}")
    if not 0 <= image_fraction <= 1:
        raise FedchemoError("FC751", f"an image fraction of {image_fraction:g}; it lies between 0 and 1")
