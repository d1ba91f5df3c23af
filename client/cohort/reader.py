"""Reads a site folder in one validation pass that finds every problem before it gives up."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort.checks import check_values, typed
from fedchemo.client.cohort.cohort import Cohort
from fedchemo.client.cohort.description import read_description
from fedchemo.client.cohort.images import find_images
from fedchemo.client.cohort.problems import Problem, SiteProblems, error, warning
from fedchemo.client.cohort.schema import VISITS_COLUMNS, VISITS_SCHEMA
from fedchemo.client.cohort.table import read_table
from fedchemo.shared.clinical.schema import COLUMNS, SCHEMA
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.splits import cut


def read_site(folder: Path, *, seed: int = 0) -> Cohort:
    """Read ``site.toml``, ``clinical.csv`` and, if there, ``visits.csv`` and ``images/``.

    Args:
        folder: the site folder; it is only read, so it may be read-only or on a network share.
        seed: of the cut into train, validation and test; used where ``split`` is absent or empty throughout.

    Raises:
        SiteProblems: FC101 with every error and every warning in the folder.
        FedchemoError: FC004 if the disk or share fails, or does not let this user look into a folder.
    """
    try:
        return _read(folder, seed)
    except OSError as wrong:
        raise FedchemoError("FC004", f"{wrong.filename or folder}: {wrong.strerror or wrong}") from wrong


def _read(folder: Path, seed: int) -> Cohort:
    if problem := _wrong_folder(folder):
        raise SiteProblems([problem])
    description, problems = read_description(folder / "site.toml")
    clinical, found = _read_clinical(folder / "clinical.csv")
    problems += found
    # A row that cannot be used still names a patient: its image must not be called a stranger's.
    patients = set() if clinical is None else set(clinical["patient_id"])
    visits, found = _read_visits(folder / "visits.csv", patients, known=clinical is not None)
    problems += found
    images: dict[str, dict[str, Path]] = {}
    if clinical is not None:
        images, found = find_images(folder / "images", patients)
        problems += found
    if description is None or clinical is None or any(found.severity == "error" for found in problems):
        raise SiteProblems(problems)
    return Cohort(
        site=description.name,
        dataset=description.dataset,
        folder=folder,
        clinical=_clinical_frame(clinical, seed),
        visits=visits,
        images=images,
        problems=tuple(problems),
    )


def _wrong_folder(folder: Path) -> Problem | None:
    if not folder.is_dir():
        return error("FC102", folder, "is no folder", "Check the path, and that its disk is mounted")
    if (folder / "site.toml").is_file():
        return None
    inside = sorted(child.name for child in folder.iterdir() if (child / "site.toml").is_file())
    if inside:
        remedy = f"Name one of the site folders in it: {', '.join(inside[:5])}{' ...' if inside[5:] else ''}"
    else:
        remedy = 'Name the folder that holds clinical.csv, and put a site.toml with name = "..." beside it'
    return error("FC102", folder, "is no site folder: it has no site.toml", remedy)


def _read_clinical(path: Path) -> tuple[pd.DataFrame | None, list[Problem]]:
    table, problems = read_table(path, known=COLUMNS, required=("patient_id",), optional=("split",))
    if table is None:
        return None, problems
    problems += [*_without_patient(path, table), *check_values(path, table, SCHEMA), *_twice(path, table)]
    problems += _splits(path, table)
    if not table["pcr"].any():
        what = "is empty for every patient: the site can predict, not train or evaluate"
        problems.append(warning("FC112", path, what, "Add the outcomes that are known", column="pcr"))
    return table, problems


def _without_patient(path: Path, table: pd.DataFrame) -> list[Problem]:
    remedy = "Write the patient's pseudonym, or remove the row"
    return [
        error("FC106", path, "is empty", remedy, row=int(row), column="patient_id")
        for row in table.index[table["patient_id"] == ""]
    ]


def _twice(path: Path, table: pd.DataFrame) -> list[Problem]:
    problems = []
    rows_of = table[table["patient_id"] != ""].groupby("patient_id", sort=False).groups
    for patient, rows in rows_of.items():
        for row in rows[1:]:
            what, remedy = f"stands in row {rows[0]} as well", "Keep one row a patient"
            problems.append(
                error("FC107", path, what, remedy, row=int(row), column="patient_id", value=str(patient))
            )
    return problems


def _splits(path: Path, table: pd.DataFrame) -> list[Problem]:
    """Find labelled patients without a split in a table that has splits: a half-done cut is nobody's intent."""
    if not table["split"].any():
        return []
    lacking = table.index[(table["pcr"] != "") & (table["split"] == "")]
    what = "is empty, though other patients have a split"
    remedy = "Fill it for every patient with pcr, or empty the column to have it cut 70/15/15"
    return [error("FC110", path, what, remedy, row=int(row), column="split") for row in lacking]


def _clinical_frame(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    frame = typed(table, SCHEMA).set_index("patient_id").sort_index()
    frame.index = pd.Index(frame.index, name="patient_id", dtype=object)
    if frame["split"].isna().all():
        splits = cut(list(frame.index), list(frame["pcr"]), seed)
        frame["split"] = pd.Series(
            [splits.get(patient) for patient in frame.index], index=frame.index, dtype=object
        )
    return frame


def _read_visits(path: Path, patients: Collection[str], *, known: bool) -> tuple[pd.DataFrame, list[Problem]]:
    """Read ``visits.csv``; rows of patients who are not in ``clinical.csv`` are left out with a warning."""
    keys = list(VISITS_COLUMNS[:2])
    nothing = typed(pd.DataFrame(columns=list(VISITS_COLUMNS), dtype=object), VISITS_SCHEMA).set_index(keys)
    if not path.exists():
        return nothing, []
    table, problems = read_table(path, known=VISITS_COLUMNS, required=VISITS_COLUMNS[:2])
    if table is None:
        return nothing, problems
    problems += check_values(path, table, VISITS_SCHEMA)
    problems += _unknown_or_twice(path, table, patients, known=known)
    if any(problem.severity == "error" for problem in problems):
        return nothing, problems
    table = table[table["patient_id"].isin(patients)]
    return typed(table, VISITS_SCHEMA).set_index(keys).sort_index(), problems


def _unknown_or_twice(
    path: Path, table: pd.DataFrame, patients: Collection[str], *, known: bool
) -> list[Problem]:
    problems = []
    first: dict[tuple[str, str], int] = {}
    for row, patient, visit in zip(table.index, table["patient_id"], table["visit"], strict=True):
        for column, cell in (("patient_id", patient), ("visit", visit)):
            if not cell:
                what, remedy = "is empty", "Write it, or remove the row"
                problems.append(error("FC111", path, what, remedy, row=int(row), column=column))
        if not patient or not visit:
            continue
        if known and patient not in patients:
            what, remedy = "is no patient of clinical.csv; the row is ignored", "Correct the identifier"
            problems.append(
                warning("FC113", path, what, remedy, row=int(row), column="patient_id", value=patient)
            )
        if (patient, visit) in first:
            what, remedy = f"stands in row {first[patient, visit]} as well", "Keep one row a visit"
            problems.append(
                error("FC111", path, what, remedy, row=int(row), column="visit", value=f"{patient} {visit}")
            )
        first.setdefault((patient, visit), int(row))
    return problems
