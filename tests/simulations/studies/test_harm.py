"""Harm is done where it is said, as much as is said, and never to the outcomes of test patients."""

from __future__ import annotations

import pytest

from fedchemo.simulations.studies.harm import harmed
from fedchemo.simulations.studies.settings import Variant
from tests.simulations.small_dataset import small_dataset


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path, patients=40, imaged=20)


@pytest.fixture
def assignment(dataset):
    names = list(dataset.clinical.index)
    return {"large": names[:24], "small": names[24:]}


def test_wrong_outcomes_at_the_largest_hospital_only(dataset, assignment):
    splits = {
        name: "test" if number % 4 == 0 else "train" for number, name in enumerate(dataset.clinical.index)
    }
    variant = Variant(name="noise", harmed_sites=1, label_noise=0.5)
    found = harmed(dataset, assignment, splits, variant, seed=0)
    changed = dataset.clinical["pcr"].fillna(-1) != found.clinical["pcr"].fillna(-1)
    turned = set(dataset.clinical.index[changed])
    assert turned
    assert turned <= set(assignment["large"])
    assert all(splits[patient] == "train" for patient in turned)
    again = harmed(dataset, assignment, splits, variant, seed=0)
    assert again.clinical["pcr"].equals(found.clinical["pcr"])


def test_missing_images(dataset, assignment):
    variant = Variant(name="missing", harmed_sites=1, missing_images=0.25)
    found = harmed(dataset, assignment, {}, variant, seed=0)
    assert len(dataset.images) == 20
    assert len(found.images) == 15
    assert set(found.images) < set(dataset.images)


def test_shuffled_images_stay_in_their_hospital_and_leave_their_patients(dataset, assignment):
    found = harmed(dataset, assignment, {}, Variant(name="control", shuffled_images=True), seed=0)
    assert set(found.images) == set(dataset.images)
    for patients in assignment.values():
        before = [dataset.images[patient] for patient in patients if patient in dataset.images]
        after = [found.images[patient] for patient in patients if patient in found.images]
        assert sorted(map(str, before)) == sorted(map(str, after))
    moved = sum(found.images[patient] != dataset.images[patient] for patient in found.images)
    assert moved > len(found.images) / 2
    assert found.clinical is dataset.clinical


def test_nothing_is_nothing(dataset, assignment):
    assert harmed(dataset, assignment, {}, Variant(), seed=0) is dataset
