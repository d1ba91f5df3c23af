"""Who is tested: everyone once, or every hospital once, and nobody is taught and tested."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedchemo.simulations.studies.folds import folds

PATIENTS = [f"{number:03d}" for number in range(103)]


@pytest.fixture
def clinical():
    outcomes = np.where(np.arange(103) % 10 == 9, np.nan, np.arange(103) % 3 == 0)
    return pd.DataFrame({"pcr": outcomes}, index=PATIENTS)


@pytest.fixture
def assignment():
    return {"a": PATIENTS[:60], "b": PATIENTS[60:], "unknown": []}


def known(clinical):
    return set(clinical.index[clinical["pcr"].notna()])


@pytest.mark.parametrize("judged", ["folds", "leave-one-site-out"])
def test_everyone_with_an_outcome_is_tested_once(clinical, assignment, judged):
    cuts = folds(clinical, assignment, judged=judged, number=5, seed=0)
    tested = [patient for splits in cuts.values() for patient, split in splits.items() if split == "test"]
    assert sorted(tested) == sorted(known(clinical))
    for splits in cuts.values():
        assert set(splits) == known(clinical)
        assert {"train", "validation", "test"} == set(splits.values())


def test_a_hospital_left_out_is_left_out_whole(clinical, assignment):
    cuts = folds(clinical, assignment, judged="leave-one-site-out", number=5, seed=0)
    assert list(cuts) == ["without a", "without b"]
    for patient in known(clinical) & set(assignment["a"]):
        assert cuts["without a"][patient] == "test"
        assert cuts["without b"][patient] != "test"


def test_folds_are_alike(clinical, assignment):
    cuts = folds(clinical, assignment, judged="folds", number=5, seed=0)
    for label in (0, 1):
        sizes = [
            sum(
                split == "test" and clinical.loc[patient, "pcr"] == label for patient, split in splits.items()
            )
            for splits in cuts.values()
        ]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("judged", ["holdout", "folds", "leave-one-site-out"])
def test_order_of_patients_changes_nothing(clinical, assignment, judged):
    arguments = {"judged": judged, "number": 5, "seed": 3}
    assert folds(clinical, assignment, **arguments) == folds(clinical[::-1], assignment, **arguments)
    assert folds(clinical, assignment, **arguments) != folds(clinical, assignment, **{**arguments, "seed": 4})
