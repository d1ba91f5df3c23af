"""A site with patients of both outcomes and images, which a test may spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from fedchemo.client.cohort import Problem
from tests.sites import write_site

PATIENTS, IMAGED = 60, 6


@pytest.fixture(scope="session")
def _template(tmp_path_factory) -> Path:
    site = write_site(tmp_path_factory.mktemp("validation"), "NORTH", patients=PATIENTS, images=IMAGED)
    table = pd.read_csv(site / "clinical.csv", dtype=str, keep_default_na=False)
    # As large as the masks, which are 6 x 6 x 4 voxels of 16 mm3.
    table.loc[: IMAGED - 1, "tumour_volume_cc"] = "2.3"
    table.to_csv(site / "clinical.csv", index=False)
    return site


@pytest.fixture
def site(_template, tmp_path) -> Path:
    """Sixty patients, six of them with an examination at T0; nothing is wrong with them."""
    import shutil

    return Path(shutil.copytree(_template, tmp_path / "NORTH"))


@pytest.fixture
def change_table(site) -> Callable[[Callable[[pd.DataFrame], pd.DataFrame | None]], None]:
    """Change ``clinical.csv`` as text, in place or by what is returned."""

    def change(how: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
        table = pd.read_csv(site / "clinical.csv", dtype=str, keep_default_na=False)
        changed = how(table)
        (table if changed is None else changed).to_csv(site / "clinical.csv", index=False)

    return change


@pytest.fixture
def change_image(site) -> Callable[..., None]:
    """Change the voxels of one file of a patient, and perhaps where they lie."""

    def change(
        patient: int, name: str, how: Callable[[np.ndarray], np.ndarray], *, moved_mm: float = 0
    ) -> None:
        file = site / "images" / f"NORTH-{patient:03d}" / "T0" / f"{name}.nii.gz"
        image = nibabel.load(file)
        affine = image.affine.copy()
        affine[0, 3] += moved_mm
        voxels = how(np.asarray(image.dataobj).astype(np.float32))
        nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), affine), file)

    return change


def about(problems: tuple[Problem, ...], *codes: str) -> list[tuple[str, str, str | None, str | None]]:
    """Return code, severity, patient and column of problems with one of these codes, or of all."""
    return [(p.code, p.severity, p.patient, p.column) for p in problems if not codes or p.code in codes]
