from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.splits import SPLITS, cut

cohorts = st.dictionaries(st.text(min_size=1, max_size=6), st.sampled_from([0.0, 1.0, math.nan]), max_size=60)
seeds = st.integers(0, 2**62)


@given(cohorts, seeds)
def test_every_labelled_patient_is_in_one_split_and_the_others_in_none(cohort, seed):
    splits = cut(list(cohort), list(cohort.values()), seed)
    assert set(splits) == {patient for patient, label in cohort.items() if not math.isnan(label)}
    assert set(splits.values()) <= set(SPLITS)


@given(cohorts, seeds)
def test_each_class_is_cut_70_15_15_within_rounding(cohort, seed):
    splits = cut(list(cohort), list(cohort.values()), seed)
    for label in (0.0, 1.0):
        members = [splits[patient] for patient, of in cohort.items() if of == label]
        for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
            assert abs(members.count(split) - share * len(members)) <= 1


@given(cohorts, seeds, st.randoms(use_true_random=False))
def test_the_order_of_patients_changes_nothing(cohort, seed, random):
    shuffled = list(cohort)
    random.shuffle(shuffled)
    assert cut(shuffled, [cohort[patient] for patient in shuffled], seed) == cut(
        list(cohort), list(cohort.values()), seed
    )


@given(cohorts, seeds)
def test_one_class_does_not_move_the_other(cohort, seed):
    whole = cut(list(cohort), list(cohort.values()), seed)
    for label in (0.0, 1.0):
        alone = [patient for patient, of in cohort.items() if of == label]
        assert cut(alone, [label] * len(alone), seed) == {patient: whole[patient] for patient in alone}


def test_the_seed_matters_and_the_cut_stays_as_it_is():
    ids = [f"p{number}" for number in range(20)]
    labels = [number % 2 for number in range(20)]
    assert cut(ids, labels, 0) != cut(ids, labels, 1)
    # Golden: another release must not move test patients into training.
    assert sorted(patient for patient, split in cut(ids, labels, 0).items() if split == "test") == GOLDEN


GOLDEN = ["p0", "p17"]


def test_numpy_labels_are_labels():
    assert cut(["a", "b"], np.array([1.0, 0.0]), 0) == cut(["a", "b"], [1, 0], 0)


@pytest.mark.parametrize(
    ("ids", "labels"), [(["a", "a"], [0.0, 1.0]), (["a"], [2.0]), (["a"], []), (["a"], [math.inf])]
)
def test_what_is_no_cohort_is_refused(ids, labels):
    with pytest.raises(ValueError, match=r".+"):
        cut(ids, labels, 0)
