"""Reads a site folder in one validation pass that finds every problem before it gives up.

A row that cannot be used is set aside and the others go on: one bad case never stops a site. Many bad rows are an
export gone wrong, and stop it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort.checks import check_values, typed
from fedchemo.client.cohort.cohort import Cohort
from fedchemo.client.cohort.description import read_description
from fedchemo.client.cohort.images import find_images
from fedchemo.client.cohort.problems import Problem, SiteProblems, error, warning
from fedchemo.client.cohort.schema import VISITS_COLUMNS, VISITS_OPTIONAL, VISITS_SCHEMA
from fedchemo.client.cohort.table import read_table
from fedchemo.shared.clinical.schema import COLUMNS, SCHEMA
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.splits import cut

# One in twenty: a slip of the keyboard is rarer, a wrong unit or code in an export far more common.
_BAD_ROWS = 0.05


@dataclass(frozen=True)
class Reading:
    """What a site folder holds, usable or not.

    Attributes:
        cohort: as far as it can be read; None if the folder or ``clinical.csv`` cannot be read at all.
        problems: errors and warnings.
        usable: whether the site may take part. Errors that set single rows aside do not keep it from that.
    """

    cohort: Cohort | None
    problems: tuple[Problem, ...]
    usable: bool


def read_site(folder: Path, *, seed: int = 0) -> Cohort:
    """Read ``site.toml``, ``clinical.csv`` and, if there, ``visits.csv`` and ``images/``.

    A row of a table that cannot be used is set aside, and so are all rows of a patient that contradict each other;
    the errors stand in the cohort's ``problems``.

    Args:
        folder: the site folder; it is only read, so it may be read-only or on a network share.
        seed: of the cut into train, validation and test; used where ``split`` is absent or empty throughout.

    Raises:
        SiteProblems: FC101 with every error and every warning in the folder: if a table or ``site.toml`` cannot be
            used, or more than one row and one in twenty is set aside.
        FedchemoError: FC004 if the disk or share fails, or does not let this user look into a folder.
    """
    reading = examine_site(folder, seed=seed)
    if reading.cohort is None or not reading.usable:
        raise SiteProblems(reading.problems)
    return reading.cohort


def examine_site(folder: Path, *, seed: int = 0) -> Reading:
    """Read a site folder as far as that is possible; see `read_site`.

    Raises:
        FedchemoError: FC004 as in `read_site`.
    """
    try:
        return _examine(folder, seed)
    except OSError as wrong:
        raise FedchemoError("FC004", f"{wrong.filename or folder}: {wrong.strerror or wrong}") from wrong


def _examine(folder: Path, seed: int) -> Reading:
    if problem := _wrong_folder(folder):
        return Reading(None, (problem,), usable=False)
    description, problems = read_description(folder / "site.toml")
    usable = description is not None
    clinical, found = _read_clinical(folder / "clinical.csv")
    problems += found
    if clinical is None:
        _, found, _ = _read_visits(folder / "visits.csv", set(), known=False)
        return Reading(None, (*problems, *found), usable=False)
    # A row that cannot be used still names a patient: its image must not be called a stranger's.
    known = set(clinical["patient_id"])
    clinical, few = _without_bad_rows(clinical, found, key=["patient_id"])
    usable &= few and len(clinical) > 0
    visits, found, few = _read_visits(folder / "visits.csv", known, known=True)
    usable &= few
    problems += found
    images, found = find_images(folder / "images", known)
    problems += found
    usable &= not any(found.severity == "error" and not _is_of_a_row(found) for found in problems)
    patients = set(clinical["patient_id"])
    cohort = Cohort(
        # A name for messages only: without site.toml the cohort is not usable.
        site=description.name if description else folder.name,
        dataset=description.dataset if description else "",
        folder=folder,
        clinical=_clinical_frame(clinical, seed),
        visits=visits[visits.index.get_level_values("patient_id").isin(patients)],
        images={patient: there for patient, there in images.items() if patient in patients},
        problems=tuple(problems),
    )
    return Reading(cohort, tuple(problems), usable)


def _is_of_a_row(problem: Problem) -> bool:
    """Tell whether a problem concerns a row below the header."""
    return problem.row is not None and problem.row > 1


def _without_bad_rows(
    table: pd.DataFrame, problems: Collection[Problem], *, key: list[str]
) -> tuple[pd.DataFrame, bool]:
    """Return a table without the rows that have an error, and whether they are few enough to go on.

    Where one of several rows of a ``key`` has an error, none of them is used: which is right cannot be told.
    """
    bad = {p.row for p in problems if p.severity == "error" and _is_of_a_row(p)}
    keys = pd.MultiIndex.from_frame(table[key])
    kept = table[~keys.isin(keys[table.index.isin(bad)])]
    total = len(table) + len(bad - set(table.index))
    return kept, total - len(kept) <= max(1, int(_BAD_ROWS * total))


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
    patients = table["patient_id"].to_dict()
    problems = [replace(p, patient=p.patient or patients.get(p.row) or None) for p in problems]
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
    """Find patients with several rows: FC107 where they disagree, else FC175."""
    problems = []
    rows_of = table[table["patient_id"] != ""].groupby("patient_id", sort=False).groups
    for patient, rows in rows_of.items():
        for row in rows[1:]:
            first, other = table.loc[rows[0]], table.loc[row]
            differ = [str(name) for name in table.columns if first[name] != other[name]]
            if differ:
                what = f"stands in row {rows[0]} as well, with another {', '.join(differ)}"
                make, code, remedy = error, "FC107", "Keep one row a patient"
            else:
                what = f"stands in row {rows[0]} as well, with the same values"
                make, code, remedy = warning, "FC175", "Remove one of them"
            problems.append(
                make(code, path, what, remedy, row=int(row), column="patient_id", value=str(patient))
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
    frame = typed(table, SCHEMA).drop_duplicates("patient_id").set_index("patient_id").sort_index()
    frame.index = pd.Index(frame.index, name="patient_id", dtype=object)
    if frame["split"].isna().all():
        splits = cut(list(frame.index), list(frame["pcr"]), seed)
        frame["split"] = pd.Series(
            [splits.get(patient) for patient in frame.index], index=frame.index, dtype=object
        )
    return frame


def _read_visits(
    path: Path, patients: Collection[str], *, known: bool
) -> tuple[pd.DataFrame, list[Problem], bool]:
    """Read ``visits.csv``, and tell whether few enough rows are bad; those of nobody in ``patients`` are left out."""
    keys = list(VISITS_COLUMNS[:2])
    nothing = typed(pd.DataFrame(columns=list(VISITS_COLUMNS), dtype=object), VISITS_SCHEMA).set_index(keys)
    if not path.exists():
        return nothing, [], True
    table, problems = read_table(
        path, known=VISITS_COLUMNS, required=VISITS_COLUMNS[:2], optional=VISITS_OPTIONAL
    )
    if table is None:
        return nothing, problems, True
    problems += check_values(path, table, VISITS_SCHEMA)
    problems += _unknown_or_twice(path, table, patients, known=known)
    named = table["patient_id"].to_dict()
    problems = [replace(p, patient=p.patient or named.get(p.row) or None) for p in problems]
    table, few = _without_bad_rows(table, problems, key=keys)
    table = table[table["patient_id"].isin(patients)]
    return typed(table, VISITS_SCHEMA).set_index(keys).sort_index(), problems, few


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
