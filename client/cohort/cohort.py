"""A site's patients, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedchemo.client.cohort.problems import Problem
from fedchemo.shared.splits import Split


@dataclass(frozen=True)
class Cohort:
    """The patients of one site.

    Attributes:
        site: the site's name.
        dataset: what the patients were collected for; a site's key is (dataset, site).
        folder: the site folder.
        clinical: a clinical frame (see `fedchemo.shared.clinical.schema`), sorted by patient; ``split`` is
            filled for every patient whose outcome is known.
        visits: MRI measurements indexed by (patient_id, visit): cm3, mm, a fraction, per cent; may be empty.
        images: patient -> visit -> folder with ``pre``, ``early``, ``late`` and perhaps ``lesion`` (.nii.gz).
        problems: warnings, and the errors of what was set aside.
    """

    site: str
    dataset: str
    folder: Path
    clinical: pd.DataFrame
    visits: pd.DataFrame
    images: Mapping[str, Mapping[str, Path]]
    problems: tuple[Problem, ...] = ()

    def patients(self, split: Split, *, labelled: bool = True) -> list[str]:
        """Return the patients of a split, sorted; without ``labelled`` also those whose outcome is not known."""
        chosen = self.clinical["split"] == split
        if labelled:
            chosen &= self.clinical["pcr"].notna()
        return [str(patient) for patient in self.clinical.index[chosen]]

    def fingerprint(self) -> str:
        """Return a SHA-256 in hexadecimal of who the patients are and what is known of them.

        The order of rows, where the folder lies, and what is ignored in it do not change it. Image files count
        by place and size: their content is hashed when they are prepared.
        """
        digest = hashlib.sha256()
        for part in (self.site, self.dataset, self.clinical.to_csv(), self.visits.to_csv()):
            digest.update(len(part.encode()).to_bytes(8, "big") + part.encode())
        for patient, visits in sorted(self.images.items()):
            for visit, folder in sorted(visits.items()):
                for file in sorted(folder.glob("*.nii.gz")):
                    digest.update(f"{patient}/{visit}/{file.name}\0{file.stat().st_size}\n".encode())
        return digest.hexdigest()
