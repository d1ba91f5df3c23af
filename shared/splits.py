"""How patients are cut into train, validation and test: by a hash of their own identifier.

The cut is the same whatever order the patients come in, wherever it is made, and one class's patients do not
move those of the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from fedchemo.shared.randomness import derive

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

# 15 % for testing rather than 10: the interval of an AUC on a hundred patients is wide enough as it is.
_TRAIN_PERCENT, _TRAIN_AND_VALIDATION_PERCENT = 70, 85


def cut(ids: Sequence[str], labels: Sequence[float], seed: int) -> dict[str, Split]:
    """Cut each class 70/15/15, its patients ordered by the SHA-256 hash of (seed, patient).

    Args:
        ids: patients, each once.
        labels: 0, 1 or NaN for each; a patient without a label gets no split.
        seed: the run's.

    Returns:
        patient -> split, for labelled patients.

    Raises:
        ValueError: if a patient occurs twice, a label is not 0, 1 or NaN, or the lengths differ.
    """
    if len(set(ids)) != len(ids):
        msg = "a patient occurs twice"
        raise ValueError(msg)
    classes: dict[float, list[str]] = {0.0: [], 1.0: []}
    for patient, label in zip(ids, labels, strict=True):
        if math.isnan(label):
            continue
        if label not in classes:
            msg = f"{label} is no label"
            raise ValueError(msg)
        classes[float(label)].append(patient)
    splits: dict[str, Split] = {}
    for patients in classes.values():
        ordered = sorted(patients, key=lambda patient: (derive(seed, "split", patient), patient))
        train = _share(len(ordered), _TRAIN_PERCENT)
        validation = _share(len(ordered), _TRAIN_AND_VALIDATION_PERCENT)
        splits |= dict.fromkeys(ordered[:train], "train")
        splits |= dict.fromkeys(ordered[train:validation], "validation")
        splits |= dict.fromkeys(ordered[validation:], "test")
    return splits


def _share(count: int, percent: int) -> int:
    """Return a percentage of a count, halves up: `round` would send them to the even number."""
    return (2 * count * percent + 100) // 200
