"""Writes a partition as ordinary site folders, each whole or absent."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd
import tomli_w

from fedchemo.client.cohort.schema import VISITS_SCHEMA
from fedchemo.shared.clinical.schema import SCHEMA, Column
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import NAME_PATTERN
from fedchemo.shared.splits import Split, cut
from fedchemo.simulations.datasets.contract import Dataset, PhaseFiles

SCANNERS = "scanners.csv"
"""``patient_id, vendor``: the maker of each patient's scanner, empty where it is not known."""


def lay_out(
    dataset: Dataset,
    assignment: Mapping[str, Collection[str]],
    out: Path,
    *,
    seed: int,
    splits: Mapping[str, Split] | None = None,
    only: Collection[str] | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write a site folder for each virtual hospital, with the images hard-linked where the disk allows it.

    The cut into train, validation and test is made over the whole data set before it is partitioned, so that
    all its partitions are judged on the same test patients.

    Args:
        dataset: where patients and images come from.
        assignment: site -> patients, as `partition` returns it.
        out: folder of the site folders.
        seed: of the cut.
        splits: patient -> split, instead of that cut.
        only: the sites to write; by default all.
        overwrite: replace site folders that are there; nothing else is ever replaced.

    Returns:
        Site -> folder.

    Raises:
        FedchemoError: FC003 if a site folder is there already (nothing is written then), FC004 if one cannot be
            written, FC711 if a patient is in two sites or unknown, or a site has no patient or an unusable name.
    """
    _require_valid(dataset, assignment)
    wanted = sorted(assignment if only is None else only)
    # What is no site folder was put there for another purpose, so it is not replaced either way.
    in_the_way = [
        site
        for site in wanted
        if os.path.lexists(out / site) and not (overwrite and (out / site / "site.toml").is_file())
    ]
    if in_the_way:
        raise FedchemoError("FC003", f"{out} holds {', '.join(in_the_way)}")
    if splits is None:
        splits = cut(list(dataset.clinical.index), list(dataset.clinical["pcr"]), seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for site in wanted:
            with _replacing(out / site) as folder:
                _write(dataset, site, sorted(assignment[site]), splits, folder)
    except OSError as error:
        raise FedchemoError("FC004", f"{error.filename or out}: {error.strerror or error}") from error
    return {site: out / site for site in wanted}


def _require_valid(dataset: Dataset, assignment: Mapping[str, Collection[str]]) -> None:
    site_of: dict[str, str] = {}
    for site, patients in assignment.items():
        if not re.fullmatch(NAME_PATTERN, site):
            raise FedchemoError("FC711", f"{site!r} cannot be the name of a site")
        if not patients:
            raise FedchemoError("FC711", f"{site} has no patient")
        for patient in patients:
            if patient in site_of:
                raise FedchemoError("FC711", f"{patient} is in {site_of[patient]} and in {site}")
            site_of[patient] = site
    if unknown := sorted(set(site_of) - set(dataset.clinical.index)):
        raise FedchemoError("FC711", f"{', '.join(unknown[:5])}: not in the data set {dataset.name}")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Yield a folder beside ``target``; on success it takes the name, and what had the name goes."""
    part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    before = part.with_suffix(".old")
    try:
        yield part
        part.chmod(0o755)
        if target.exists():
            target.rename(before)
        try:
            part.rename(target)
        except OSError:
            if before.exists():
                before.rename(target)
            raise
    finally:
        for leftover in (part, before):
            shutil.rmtree(leftover, ignore_errors=True)


def _write(
    dataset: Dataset, site: str, patients: list[str], splits: Mapping[str, Split], folder: Path
) -> None:
    clinical = dataset.clinical.loc[patients]
    clinical = clinical.assign(split=clinical.index.map(splits.get))
    _as_text(clinical.reset_index(names="patient_id"), SCHEMA).to_csv(folder / "clinical.csv", index=False)
    # Ignored by every client: only a study asks who scanned whom.
    vendor = clinical.get("vendor", pd.Series(index=clinical.index, dtype=object, name="vendor"))
    vendor.to_csv(folder / SCANNERS, index_label="patient_id")
    visits = dataset.visits[dataset.visits["patient_id"].isin(patients)]
    if len(visits):
        ordered = visits.sort_values(["patient_id", "visit"])
        columns = tuple(column for column in VISITS_SCHEMA if column.name in ordered)
        _as_text(ordered, columns).to_csv(folder / "visits.csv", index=False)
    for patient in patients:
        for visit, files in dataset.images.get(patient, {}).items():
            _place(files, folder / "images" / patient / visit)
    description = {"name": site, "dataset": dataset.name, "notes": f"a virtual hospital of {dataset.name}"}
    # Last, so that an interrupted folder is never taken for a site folder.
    (folder / "site.toml").write_text(tomli_w.dumps(description), encoding="utf-8")


def _as_text(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return the columns as text that reads back as the same values; empty where missing."""
    text = {column.name: [_cell(value) for value in frame[column.name]] for column in columns}
    return pd.DataFrame(text, dtype=object)


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return ""
    # The shortest digits that give the same float, and 1 rather than 1.0.
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)


def _place(files: PhaseFiles, folder: Path) -> None:
    folder.mkdir(parents=True)
    named = {"pre": files.pre, "early": files.early, "late": files.late, "lesion": files.lesion}
    for name, source in named.items():
        if source is None:
            continue
        target = folder / f"{name}.nii.gz"
        try:
            os.link(source.resolve(), target)
        except OSError:
            # Another disk, or one that knows no links.
            shutil.copyfile(source, target)
