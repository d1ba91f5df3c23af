"""The clinical model's sums: an honest fit is never refused, and what singles patients out is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.policy import Policy
from fedchemo.client.policy.sums import check_coefficients, check_statistics, check_sums, effective_number
from fedchemo.shared.clinical import logistic
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.errors import FedchemoError


@given(st.lists(st.floats(1e-200, 1.0), min_size=1, max_size=50))
def test_the_effective_number_lies_between_one_and_all(weights):
    assert 1 - 1e-9 <= effective_number(np.array(weights)) <= len(weights) + 1e-9


def test_the_effective_number_of_known_weights():
    assert effective_number(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_number(np.array([1.0, *[1e-9] * 50])) == pytest.approx(1)
    assert effective_number(np.zeros(4)) == 4


def made(stream, patients, positives, slope):
    """Return features and labels of a hospital with so many patients whose outcome is 1."""
    features = stream.normal(size=(patients, 6)).astype(np.float32)
    wish = slope * features[:, 0] + stream.logistic(size=patients)
    labels = np.zeros(patients, np.float32)
    labels[np.argsort(wish)[patients - positives :]] = 1
    return features, labels


@pytest.mark.parametrize("positives", [0, 1, 2, 3, 10, 18, 19, 20])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("elsewhere", [(60, 6), (60, 20)])
def test_an_honest_fit_is_never_refused_by_a_hospital_with_just_enough_patients(positives, slope, elsewhere):
    stream = np.random.default_rng(positives)
    for _ in range(20):
        sites = [made(stream, 20, positives, slope), made(stream, *elsewhere, slope)]
        coefficients = np.zeros(7)
        for _ in range(8):
            check_coefficients(coefficients)
            for features, labels in sites:
                check_sums(Policy(), features, labels, coefficients)
            pooled = logistic.pool([logistic.sums(*site, coefficients) for site in sites])
            coefficients = coefficients + logistic.newton_step(pooled, coefficients)


@pytest.mark.parametrize("slope", [15.0, 50.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_threshold_next_to_the_last_patient_is_refused(slope, label):
    features = np.sort(np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32), axis=0)
    labels = np.zeros(40, np.float32)
    labels[-1] = label
    with pytest.raises(FedchemoError, match="FC914"):
        check_sums(Policy(), features, labels, np.array([slope, -slope * float(features[-1, 0])]))


def test_coefficients_out_of_bounds():
    with pytest.raises(FedchemoError, match="FC914"):
        check_coefficients(np.array([0.0, -51.0]))


@pytest.mark.parametrize(
    ("name", "mean", "deviation", "fits"),
    [
        ("age_years", 49.0, 10.6, True),
        ("age_years", 0.0, 1.0, True),
        ("age_years", 49.0, 0.01, False),
        ("age_years", 1e6, 10.0, False),
        ("log_tumour_volume", 2.7, 0.9, True),
        ("log_tumour_volume", 2.7, 0.01, False),
        ("arm_Rare", 0.001, 0.0316, True),
        ("hr", 0.5, 1e-6, False),
    ],
)
def test_statistics_that_no_patients_have_are_refused(name, mean, deviation, fits):
    statistics = ClinicalStatistics(names=(name,), means=(mean,), deviations=(deviation,), counts=(99,))
    if fits:
        check_statistics(statistics)
    else:
        with pytest.raises(FedchemoError, match="FC915"):
            check_statistics(statistics)
