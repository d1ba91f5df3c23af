"""A hospital made up for tests: a table, NIfTI images in the plain layout, and a small reader of the table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.nifti import find_nifti
from fedchemo.client.importing.site import ImportRequest, Readers
from fedchemo.client.importing.tables.contract import ImportedTables, Joining
from fedchemo.shared.clinical.schema import COLUMNS, empty_frame

SHAPE = (12, 10, 6)


def write_examination(
    folder: Path, *, seed: int = 0, lesion: bool = True, shape: tuple[int, ...] = SHAPE
) -> Path:
    """Write ``pre``, ``early``, ``late`` and perhaps ``lesion`` into a folder."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pre = random.integers(80, 120, shape).astype(np.int16)
    gain = np.zeros(shape, dtype=np.int16)
    gain[3:8, 3:7, 1:4] = 100
    volumes = {"pre": pre, "early": pre + gain, "late": pre + gain // 2}
    if lesion:
        volumes["lesion"] = (gain > 0).astype(np.uint8)
    for name, volume in volumes.items():
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 3.0, 1.0])), folder / f"{name}.nii.gz")
    return folder


def write_hospital(folder: Path, *, patients: int = 8, imaged: int = 5) -> ImportRequest:
    """Write ``table.csv`` and ``images`` of patients whose identifiers end in six digits; return how to import them."""
    numbers = [100_001 + 7 * number for number in range(patients)]
    rows = [
        {"patient_id": f"MRN-{n}", "pcr": i % 2, "age_years": 40 + i, "hr": 1, "her2": i % 2}
        for i, n in enumerate(numbers)
    ]
    write_table(folder / "table.csv", rows)
    for i, number in enumerate(numbers[:imaged]):
        write_examination(folder / "images" / f"mrn_{number}" / "T0", seed=i, lesion=i != 1)
    return ImportRequest(
        out=folder / "NORTH",
        tables=(folder / "table.csv",),
        images=(folder / "images",),
        state=folder / "state",
        workers=0,
    )


def write_table(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Write a table of our own columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def read_small_tables(files: Sequence[Path], *, mappings: Sequence[Path] = ()) -> ImportedTables:
    """Read tables that have our columns, by the last six digits; a row without ``age_years`` contradicts itself."""
    del mappings
    join = Joining("last-digits", 6)
    problems: list[Problem] = []
    places: dict[str, str] = {}
    rows: dict[str, dict[str, str]] = {}
    for file in files:
        with file.open(newline="") as opened:
            for number, row in enumerate(csv.DictReader(opened), start=2):
                key = join.key(row["patient_id"])
                if key is None:
                    what, remedy = "has no six digits at its end", "Correct it"
                    problems.append(
                        error(
                            "FC106",
                            file,
                            what,
                            remedy,
                            row=number,
                            column="patient_id",
                            value=row["patient_id"],
                        )
                    )
                    continue
                places[key] = f"{file.name} row {number}"
                if row["age_years"] == "contradicts":
                    patient = row["patient_id"]
                    problems.append(
                        error(
                            "FC108",
                            file,
                            "contradicts",
                            "Correct",
                            row=number,
                            column="age_years",
                            patient=patient,
                        )
                    )
                    continue
                rows[key] = row
    clinical = empty_frame(sorted(rows))
    for name in COLUMNS[1:]:
        for key, row in rows.items():
            if row.get(name):
                clinical.loc[key, name] = float(row[name]) if clinical[name].dtype == float else row[name]
    visits = pd.DataFrame(
        columns=["patient_id", "visit", "ftv_cc", "longest_diameter_mm", "sphericity", "bpe", "date"]
    )
    return ImportedTables(clinical, visits, places, join, tuple(problems), ("Two columns were mapped.",))


READERS = Readers(read_small_tables, {"looking at NIfTI files": find_nifti})


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
