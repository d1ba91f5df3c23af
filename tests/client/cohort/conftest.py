"""A small site folder that a test may change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fedchemo.client.cohort import Problem, SiteProblems, read_site
from fedchemo.shared.clinical.schema import COLUMNS

HEADER = ",".join(COLUMNS)
# pcr, age, hr, her2, mammaprint, menopause, race, arm, volume; then split.
ROWS = (
    "007,1,51,1,0,1,pre,White,Paclitaxel,12.5,",
    '008,0,46.5,0,1,,peri,"Asian, White",,3,',
    "P.9,,,,,,,,,,",
    "P-10,0.0,70,1.0,0,0,post,,Paclitaxel + Neratinib,1e1,",
)


def write_clinical(folder: Path, rows: Sequence[str] = ROWS, header: str = HEADER) -> None:
    """Write ``clinical.csv``."""
    (folder / "clinical.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def write_visit(
    folder: Path, patient: str, visit: str, phases: Sequence[str] = ("pre", "early", "late")
) -> Path:
    """Write the files of a visit; only their names matter to the reader."""
    place = folder / "images" / patient / visit
    place.mkdir(parents=True)
    for phase in phases:
        (place / f"{phase}.nii.gz").write_bytes(b"volume")
    return place


def problems_of(folder: Path) -> list[Problem]:
    """Return what is wrong with a folder, whether or not it can be used."""
    try:
        return list(read_site(folder).problems)
    except SiteProblems as error:
        return list(error.problems)


def where(problems: Sequence[Problem]) -> list[tuple[str, str, int | None, str | None, str | None]]:
    """Return code, file name, row, column and value of each problem."""
    return [(p.code, Path(p.file).name, p.row, p.column, p.value) for p in problems]


@pytest.fixture
def site(tmp_path) -> Path:
    """Four patients of the site NORTH: two with a class each, one not labelled, one more."""
    folder = tmp_path / "NORTH"
    folder.mkdir()
    (folder / "site.toml").write_text('name = "NORTH"\ndataset = "trial"\nnotes = "made up"\n')
    write_clinical(folder)
    return folder
