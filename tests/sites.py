"""Site folders made for tests: clinical variables that predict pCR a little, and small volumes."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from fedchemo.shared.randomness import numpy_stream

SMALL = {"imaging": {"grid": 16, "spacing_mm": 4.0}, "model": {"widths": [4, 4, 8, 8], "norm_groups": 2}}
"""A site configuration of the real model with images that trains in milliseconds."""


def write_site(folder: Path, name: str, *, patients: int = 40, images: int = 0, seed: int = 0) -> Path:
    """Write ``folder/name`` as a site folder; the first ``images`` patients have a T0 examination."""
    stream = numpy_stream(seed, "tests", name)
    site = folder / name
    site.mkdir(parents=True)
    (site / "site.toml").write_text(f'name = "{name}"\ndataset = "made"\n')
    hr, her2, mammaprint = (stream.integers(0, 2, patients) for _ in range(3))
    chance = 1 / (1 + np.exp(0.8 + 1.2 * hr - 0.9 * her2 - 0.8 * mammaprint))
    table = pd.DataFrame(
        {
            "patient_id": [f"{name}-{index:03d}" for index in range(patients)],
            "pcr": (stream.random(patients) < chance).astype(int),
            "age_years": stream.normal(50, 10, patients).round(1).clip(25, 85),
            "hr": hr,
            "her2": her2,
            "mammaprint": np.where(stream.random(patients) < 0.1, "", mammaprint.astype(str)),
            "tumour_volume_cc": np.exp(stream.normal(2.7, 0.9, patients)).round(2),
        }
    )
    table.to_csv(site / "clinical.csv", index=False)
    for patient in table["patient_id"][:images]:
        visit = site / "images" / patient / "T0"
        visit.mkdir(parents=True)
        pre = stream.normal(100, 10, (20, 20, 10))
        lesion = np.zeros(pre.shape)
        lesion[7:13, 7:13, 3:7] = stream.uniform(60, 140)
        volumes = {"pre": pre, "early": pre + lesion, "late": pre + 0.8 * lesion, "lesion": lesion > 0}
        for phase, volume in volumes.items():
            image = nib.Nifti1Image(volume.astype(np.int16), np.diag([2.0, 2.0, 4.0, 1.0]))
            nib.save(image, visit / f"{phase}.nii.gz")
    return site
