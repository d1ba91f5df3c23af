"""A small data set with all that a data set may lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fedchemo.client.cohort.schema import VISITS_COLUMNS
from fedchemo.shared.clinical.schema import empty_frame
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.datasets.contract import Dataset, PhaseFiles


def small_dataset(folder: Path, *, patients: int = 40, imaged: int = 4) -> Dataset:
    """Return patients of three hospitals and some of none; the volumes are just bytes."""
    names = [f"{number:03d}" for number in range(patients)]
    stream = numpy_stream(0, "small data set")
    clinical = empty_frame(names)
    clinical["pcr"] = np.where(stream.random(patients) < 0.1, np.nan, stream.integers(0, 2, patients))
    clinical["age_years"] = np.where(stream.random(patients) < 0.2, np.nan, stream.uniform(20, 90, patients))
    clinical["hr"] = stream.integers(0, 2, patients).astype(float)
    clinical["tumour_volume_cc"] = stream.lognormal(2.7, 1, patients)
    words = {
        "race": (None, 'one, "two"', None),
        "menopause": ("pre", "peri", "post", None),
        "site": ("AAI", "AAN", "AAJ", "AAI", None),
        "vendor": ("GE", "SIEMENS Healthineers", None),
    }
    for column, values in words.items():
        repeated = [values[number % len(values)] for number in range(patients)]
        clinical[column] = pd.Series(repeated, index=clinical.index, dtype=object)
    visits = pd.DataFrame(
        [
            [name, visit, stream.uniform(0, 9), 12.5, None, 3.0, 40.0, 150.5, None]
            for name in names[:9]
            for visit in ("T0", "T2")
        ],
        columns=list(VISITS_COLUMNS),
    )
    images = {}
    for number, name in enumerate(names[:imaged]):
        files = {phase: folder / f"{name}-{phase}.nii.gz" for phase in ("pre", "early", "late", "lesion")}
        for phase, path in files.items():
            path.write_bytes(f"{name} {phase}".encode())
        lesion = files["lesion"] if number % 2 else None
        images[name] = {"T0": PhaseFiles(files["pre"], files["early"], files["late"], lesion)}
    return Dataset("small", clinical, visits, images, left_out={})
