"""How a run may train: enough patients behind an update, and batches that fit in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.policy import Policy
from fedchemo.client.policy.limits import (
    check_batch_memory,
    check_patients_seen,
    check_training,
    patients_seen,
)
from fedchemo.client.training.order import derived_order
from fedchemo.shared.configuration import ImagingSettings, TrainingSettings
from fedchemo.shared.errors import FedchemoError

HONEST = [
    ({}, 0.0),
    ({"learning_rate": 0.05}, 1.0),
    ({"batch_size": 4, "local_epochs": 10}, 0.01),
    ({"batch_size": 8, "local_steps": 3}, 0.0),
    ({"optimizer": "sgd", "batch_size": 32, "momentum": 0.9, "learning_rate": 0.1}, 0.0),
    ({"clip_norm": 0.0}, 0.0),
]


@pytest.mark.parametrize(("settings", "proximal_mu"), HONEST)
def test_what_an_honest_run_asks_for_is_allowed(settings, proximal_mu):
    check_training(Policy(), TrainingSettings(**settings), proximal_mu=proximal_mu)


@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        ({"smallest_batch": 16}, {"batch_size": 8}),
        ({"training_patients": 50}, {"batch_size": 32, "optimizer": "sgd"}),
        ({"training_patients": 50}, {"local_steps": 6}),
        ({"largest_forgetting": 1e-8}, {}),
        ({}, {"learning_rate": 10.0, "weight_decay": 0.1}),
        ({"smallest_batch": 1}, {"batch_size": 2, "optimizer": "sgd"}),
        ({"largest_forgetting": "none"}, {"momentum": 0.999}),
    ],
)
def test_what_leaves_few_patients_in_an_update_is_refused(policy, settings):
    with pytest.raises(FedchemoError, match="FC913"):
        check_training(Policy(**policy), TrainingSettings(**settings))


def test_where_one_patient_may_stand_alone_anything_goes():
    free = Policy(training_patients=1, smallest_batch=1, largest_forgetting="none")
    settings = TrainingSettings(
        optimizer="sgd", batch_size=1, local_steps=1, learning_rate=1, weight_decay=1, clip_norm=1e-9
    )
    check_training(free, settings, proximal_mu=1.0)
    check_patients_seen(free, settings, 1)


@given(
    patients=st.integers(1, 200),
    batch_size=st.integers(1, 64),
    steps=st.integers(0, 80),
    number=st.integers(0, 9),
)
def test_as_many_patients_are_seen_as_is_said(patients, batch_size, steps, number):
    settings = TrainingSettings(batch_size=batch_size, local_steps=steps)
    batches = derived_order(patients, batch_size, seed=0, site="A", round_number=number)
    taken = steps or -(-patients // batch_size)
    seen = {row for _, rows in zip(range(taken), batches, strict=False) for row in rows}
    assert patients_seen(settings, patients) <= len(seen) <= patients_seen(settings, patients) + taken


def test_a_batch_of_images_has_a_bound():
    largest = ImagingSettings(grid=160)
    check_batch_memory(Policy(), ImagingSettings(), 1024)
    check_batch_memory(Policy(), largest, 8)
    with pytest.raises(FedchemoError, match="FC916"):
        check_batch_memory(Policy(), largest, 64)
    with pytest.raises(FedchemoError, match="FC916"):
        check_batch_memory(Policy(largest_batch_gb=0.01), ImagingSettings(), 8)
    check_batch_memory(Policy(), ImagingSettings(grid=160, enabled=False), 1024)
    check_batch_memory(Policy(largest_batch_gb="none"), largest, 1024)
