"""The four files become cohorts by the published protocol."""

import numpy as np
import pytest

from fedchemo.client.cohort import Cohort
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper.cohorts import HOSPITALS, read_cohorts
from fedchemo.simulations.paper.federation import POLICY
from fedchemo.simulations.paper.hospital import NO_STATISTICS, HeartHospital
from fedchemo.simulations.paper.methods import alone
from tests.simulations.paper.conftest import ROWS

CONFIGURATION = alone("test", 0).site


def features(cohort: Cohort, split, tmp_path):
    return HeartHospital(cohort, tmp_path, policy=POLICY)._data(split, CONFIGURATION, NO_STATISTICS).clinical


def test_rows_with_a_missing_value_are_left_out_and_mostly_missing_columns_are_not_looked_at(made):
    assert {name: len(made[name].clinical) for name in HOSPITALS} == ROWS


def test_the_pooled_cohort_is_the_hospitals_one_after_the_other_with_their_own_cut(made):
    for split in ("train", "test"):
        assert made["pooled"].patients(split) == [
            patient for name in HOSPITALS for patient in made[name].patients(split)
        ]


def test_every_cohort_is_standardised_by_its_own_training_patients(made, tmp_path):
    for cohort in made.values():
        training = features(cohort, "train", tmp_path)
        assert training.shape[1] == 13
        assert training.dtype == np.float32
        varies = training.any(axis=0)
        np.testing.assert_allclose(training.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(training[:, varies].std(axis=0, ddof=1), 1, rtol=1e-5)
        assert not np.allclose(features(cohort, "test", tmp_path).mean(axis=0), 0, atol=1e-5)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FedchemoError, match=r"processed\.cleveland\.data") as caught:
        read_cohorts(tmp_path)
    assert caught.value.code == "FC004"


@pytest.mark.realdata
def test_the_real_hospitals_have_the_published_sizes(reference):
    cohorts = read_cohorts(reference / "heart_disease")
    sizes = [
        (len(cohorts[name].patients("train")), len(cohorts[name].patients("test"))) for name in HOSPITALS
    ]
    assert sizes == [(199, 104), (172, 89), (30, 16), (85, 45)]
