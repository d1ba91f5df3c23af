"""The four hospitals of the UCI heart disease data, cut into training and test patients as FLamby does."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from fedchemo.client.cohort import Cohort
from fedchemo.shared.errors import FedchemoError

FILES = {
    "cleveland": "processed.cleveland.data",
    "hungary": "processed.hungarian.data",
    "switzerland": "processed.switzerland.data",
    "long-beach": "processed.va.data",
}
"""Hospital -> its file, in the order that the published table numbers them."""
HOSPITALS = tuple(FILES)
POOLED = "pooled"

# The file's columns by number: 13 variables and the diagnosis. Three are missing for most patients outside Cleveland.
_DROPPED = [10, 11, 12]
_ONE_HOT = [2, 6]
_DIAGNOSIS = 13
_SPLIT_SEED = 43
FEATURES = 13


def read_cohorts(folder: Path) -> dict[str, Cohort]:
    """Return each hospital's cohort and, as ``pooled``, all patients in one.

    Its clinical frame holds the columns ``split``, ``pcr`` (here: any heart disease) and ``f00`` .. ``f12``, float32
    and not standardised yet; patients are in the order of the files.

    Raises:
        FedchemoError: FC004 if a file cannot be read.
    """
    tables = {name: _read(folder / file) for name, file in FILES.items()}
    everyone = pd.concat(tables, names=["hospital"])
    encoded = pd.get_dummies(
        everyone.drop(columns=_DIAGNOSIS), columns=_ONE_HOT, drop_first=True, dtype=float
    )
    frame = pd.DataFrame(
        encoded.to_numpy(np.float32), encoded.index, [f"f{index:02}" for index in range(FEATURES)]
    )
    frame.insert(0, "pcr", (everyone[_DIAGNOSIS] != 0).astype(float))
    training = np.zeros(len(frame), dtype=bool)
    for name in HOSPITALS:
        rows = np.flatnonzero(frame.index.get_level_values("hospital") == name)
        training[rows[_training_rows(frame["pcr"].to_numpy()[rows])]] = True
    frame.insert(0, "split", np.where(training, "train", "test"))
    frame.index = pd.Index([f"{hospital}-{row:03}" for hospital, row in frame.index], name="patient_id")
    parts = {name: frame[frame.index.str.startswith(f"{name}-")] for name in HOSPITALS}
    return {name: _cohort(name, part, folder) for name, part in {**parts, POOLED: frame}.items()}


def _read(path: Path) -> pd.DataFrame:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
    table = pd.read_csv(io.StringIO(text), header=None, na_values="?").drop(columns=_DROPPED)
    return table.dropna().reset_index(drop=True).astype(float)


def _training_rows(
    labels: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows of two thirds of a hospital's patients, in the order of its file."""
    from sklearn.model_selection import train_test_split

    smallest = min((labels > 0).sum(), (labels <= 0).sum())
    chosen, _ = train_test_split(
        np.arange(len(labels)),
        train_size=0.66,
        test_size=0.34,
        random_state=_SPLIT_SEED,
        stratify=labels if smallest >= 3 else None,
    )
    return np.sort(chosen)


def _cohort(name: str, frame: pd.DataFrame, folder: Path) -> Cohort:
    return Cohort(
        site=name, dataset="heart-disease", folder=folder, clinical=frame, visits=pd.DataFrame(), images={}
    )
