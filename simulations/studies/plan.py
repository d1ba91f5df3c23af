"""The runs of a study: one job for each cell of its grid, and the site folders they share."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fedchemo.shared.configuration import RunConfiguration, StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.contract import Dataset, PhaseFiles
from fedchemo.simulations.layout import lay_out
from fedchemo.simulations.partition import partition
from fedchemo.simulations.studies.folds import folds
from fedchemo.simulations.studies.harm import harmed
from fedchemo.simulations.studies.settings import Privacy, Study

POOLED_SITE = "pooled"


@dataclass(frozen=True)
class Layout:
    """Site folders of one variant, partition and fold.

    Attributes:
        variant: its name.
        partition: its label.
        fold: its name.
        folder: holds ``sites/`` and ``pooled/``.
        site_of: test patient -> hospital.
    """

    variant: str
    partition: str
    fold: str
    folder: Path
    site_of: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One run, or for ``local`` one run a hospital.

    Attributes:
        layout: its patients.
        privacy: what the hospitals demand.
        method: a strategy's name, ``pooled`` or ``local``.
        seed: of training.
        configuration: of the run.
        minimum_patients: smaller hospitals do not train.
        cross_site: whether local models are judged at other hospitals as well, as they are where one is left out.
        digest: of all that its result depends on; the result's file carries it.
    """

    layout: Layout
    privacy: Privacy
    method: str
    seed: int
    configuration: RunConfiguration
    minimum_patients: int
    cross_site: bool
    digest: str

    @property
    def title(self) -> str:
        """What the progress bar says."""
        layout = self.layout
        cell = (layout.partition, layout.fold, layout.variant, self.privacy.name)
        return ", ".join((self.method, f"seed {self.seed}", *cell))


def needed(study: Study, dataset: Dataset, folder: Path) -> Dataset:
    """Return the data set without images if no run looks at them, and else with images on the disk of ``folder``.

    Every fold has site folders of its own. On one disk they share the image files as hard links; from another disk
    each would copy them, so they are copied once.

    Raises:
        FedchemoError: FC004 if the copies do not fit.
    """
    configurations = [
        study.configuration(variant, StrategySettings(), study.seeds[0], privacy)
        for variant, privacy in itertools.product(study.variant, study.privacy)
    ]
    if not any(configuration.site.imaging.enabled for configuration in configurations):
        return dataclasses.replace(dataset, images={})
    disk = folder.stat().st_dev
    near: dict[str, dict[str, PhaseFiles]] = {}
    try:
        for patient, visits in dataset.images.items():
            near[patient] = {}
            for visit, phases in visits.items():
                target = folder / "images" / patient / visit
                near[patient][visit] = PhaseFiles(
                    **{
                        phase: _near(path, target / f"{phase}.nii.gz", disk)
                        for phase in ("pre", "early", "late", "lesion")
                        if (path := getattr(phases, phase)) is not None
                    }
                )
    except OSError as error:
        raise FedchemoError("FC004", f"{folder}: {error.strerror or error}") from error
    return dataclasses.replace(dataset, images=near)


def _near(path: Path, target: Path, disk: int) -> Path:
    if path.stat().st_dev == disk:
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(path, target))


def layouts(study: Study, dataset: Dataset, folder: Path) -> list[Layout]:
    """Write the site folders of every variant, partition and fold; those that are there are kept.

    Raises:
        FedchemoError: FC004, FC7xx.
    """
    found = []
    for where in study.partition:
        assignment = partition(
            dataset.clinical, by=where.by, sites=where.sites, alpha=where.alpha, seed=study.data.seed
        )
        assigned = {patient: site for site, patients in assignment.items() for patient in patients}
        cuts = folds(
            dataset.clinical.loc[sorted(assigned)],
            assignment,
            judged=study.judged,
            number=study.folds,
            seed=study.data.seed,
        )
        for variant in study.variant:
            for fold, splits in cuts.items():
                spoilt = harmed(dataset, assignment, splits, variant, seed=study.data.seed)
                name = hashlib.sha256(f"{variant.name}\0{where.label}\0{fold}".encode()).hexdigest()[:12]
                target = folder / name
                for part, sites in (("sites", assignment), (POOLED_SITE, {POOLED_SITE: sorted(assigned)})):
                    if part == POOLED_SITE and POOLED_SITE not in study.references:
                        continue
                    lay_out(spoilt, sites, target / part, seed=study.data.seed, splits=splits, overwrite=True)
                tested = {patient: assigned[patient] for patient, split in splits.items() if split == "test"}
                found.append(Layout(variant.name, where.label, fold, target, tested))
    return found


def jobs(study: Study, written: list[Layout], *, data: str) -> list[Job]:
    """Return every run of the study.

    Args:
        study: the study.
        written: its site folders.
        data: fingerprint of the data set.
    """
    variants = {variant.name: variant for variant in study.variant}
    alone = StrategySettings()
    strategies = [(each.title, each.strategy) for each in study.strategy]
    references = [(name, alone) for name in study.references]
    found = []
    for layout in written:
        variant = variants[layout.variant]
        for privacy, seed in itertools.product(study.privacy, study.seeds):
            beside = privacy == study.privacy[0] and variant.with_references
            for title, strategy in [*strategies, *(references if beside else [])]:
                configuration = study.configuration(variant, strategy, seed, privacy)
                elsewhere = title == "local" and (study.cross_site or study.judged == "leave-one-site-out")
                content = [
                    data,
                    layout.variant,
                    variant.model_dump(mode="json", exclude={"with_references"}),
                    layout.partition,
                    layout.fold,
                    privacy.model_dump(mode="json"),
                    title,
                    configuration.model_dump(mode="json", exclude={"name", "purpose"}),
                    study.data.model_dump(mode="json"),
                    study.judged,
                    study.folds,
                    elsewhere,
                ]
                digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
                found.append(
                    Job(
                        layout,
                        privacy,
                        title,
                        seed,
                        configuration,
                        study.data.minimum_patients,
                        elsewhere,
                        digest,
                    )
                )
    return found


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of who the patients are, what is known of them and which images they have."""
    digest = hashlib.sha256(dataset.clinical.sort_index().to_csv().encode())
    for patient, visits in sorted(dataset.images.items()):
        digest.update(f"{patient}: {', '.join(sorted(visits))}\n".encode())
    return digest.hexdigest()
