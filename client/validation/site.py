"""All checks of a site folder, brought together."""

from __future__ import annotations

from pathlib import Path

from fedchemo.client.cohort import Cohort, Problem, examine_site
from fedchemo.client.cohort.problems import error
from fedchemo.client.cohort.schema import VISITS_COLUMNS
from fedchemo.client.policy import Policy
from fedchemo.client.validation.duplicates import equal_images, equal_patients, similar_images
from fedchemo.client.validation.fitness import refusals, shortages
from fedchemo.client.validation.headers import ignored_columns, personal_columns
from fedchemo.client.validation.images import Examined, Look, Progress, examine_images
from fedchemo.client.validation.leakage import leaking_columns
from fedchemo.client.validation.plausibility import unusual_columns, unusual_values
from fedchemo.client.validation.report import Validation, ordered
from fedchemo.shared.clinical.schema import COLUMNS
from fedchemo.shared.splits import SPLITS


def validate_site(
    folder: Path,
    *,
    images: bool = True,
    workers: int = 1,
    expected: str | None = None,
    policy: Policy | None = None,
    progress: Progress | None = None,
    look: Look | None = None,
) -> Validation:
    """Return everything that is wrong or odd in a site folder; nothing in it is changed.

    Args:
        folder: the site folder.
        images: whether to read the images; else only their names are looked at.
        workers: visits in memory at a time.
        expected: the site's name in its kit; None if there is no kit.
        policy: the minimums to hold the counts against; None for the defaults.
        progress: told how many visits of how many are examined.
        look: called with the phases of each visit; see `examine_images`.

    Raises:
        FedchemoError: FC004 if the disk or share fails.
    """
    reading = examine_site(folder)
    problems = list(reading.problems)
    cohort = reading.cohort
    if cohort is None:
        return Validation(folder, "", "", usable=False, counts={}, problems=ordered(problems))
    refused = list(refusals(cohort))
    if expected is not None and cohort.site != expected:
        what = f"names the site {cohort.site}, but the kit is that of {expected}"
        refused.append(error("FC911", folder / "site.toml", what, "Name the folder that belongs to the kit"))
    # What reading only warns of, since a folder may be for prediction, is an error in one to train on.
    codes = {problem.code for problem in refused}
    problems = [problem for problem in problems if problem.code not in codes] + refused
    problems += [*shortages(cohort, policy or Policy()), *leaking_columns(cohort)]
    problems += [*unusual_values(cohort), *unusual_columns(cohort), *equal_patients(cohort)]
    problems += _headers(folder)
    # What is said of an ignored column in particular stands for what is said of all of them.
    special = {(problem.file, problem.column) for problem in problems if problem.code in {"FC170", "FC176"}}
    problems = [p for p in problems if p.code != "FC115" or (p.file, p.column) not in special]
    examined: list[Examined] = []
    if images:
        examined = examine_images(cohort, workers=workers, progress=progress, look=look)
    problems += of_images(examined, cohort)
    return Validation(
        folder=folder,
        site=cohort.site,
        dataset=cohort.dataset,
        usable=reading.usable and not refused,
        counts=_counts(cohort, examined),
        problems=ordered(problems),
        cohort=cohort,
        examined=tuple(examined),
    )


def of_images(examined: list[Examined], cohort: Cohort) -> list[Problem]:
    """Return what is wrong with images, each alone and in pairs."""
    alone = [problem for item in examined for problem in item.problems]
    return [*alone, *equal_images(examined), *similar_images(examined, cohort)]


def _headers(folder: Path) -> list[Problem]:
    found: list[Problem] = []
    for name, known in (("clinical.csv", COLUMNS), ("visits.csv", VISITS_COLUMNS)):
        columns = ignored_columns(folder / name, key="patient_id", known=known).columns
        found += personal_columns(folder / name, [str(column) for column in columns])
    return found


def _counts(cohort: Cohort, examined: list[Examined]) -> dict[str, int]:
    labels = cohort.clinical["pcr"].dropna()
    counts = {"patients": len(cohort.clinical), "labelled": len(labels), "pcr": int(labels.sum())}
    counts |= {split: len(cohort.patients(split)) for split in SPLITS}
    return counts | {
        "images": sum(len(visits) for visits in cohort.images.values()),
        "images_checked": len(examined),
    }
