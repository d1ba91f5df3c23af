"""The clinical vector: standardised, imputed, with indicators, and the same names as columns."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.shared.clinical.encoding import encode, names, raw, variables
from fedchemo.shared.clinical.schema import empty_frame
from fedchemo.shared.clinical.statistics import moments, pool
from fedchemo.shared.configuration import ClinicalSettings
from fedchemo.shared.errors import FedchemoError

ALL = ClinicalSettings(arms=("Paclitaxel", "Control"), menopause=True)


@pytest.fixture
def frame():
    made = empty_frame([f"p{index}" for index in range(6)])
    made["hr"] = [1, 1, 0, 0, np.nan, 1.0]
    made["her2"] = [1, 0, 1, 0, 1, np.nan]
    made["mammaprint"] = [1, 0, 0, 1, 1, np.nan]
    made["age_years"] = [40, 50, 60, 45, 55, np.nan]
    made["tumour_volume_cc"] = [1, 10, 20, 30, 40, np.nan]
    made["menopause"] = ["pre", "post", "peri", None, "post", "pre"]
    made["arm"] = ["Paclitaxel", "Control", "Another", None, "Control", "Paclitaxel"]
    return made


def encoded(frame, settings):
    statistics = pool(variables(settings), [moments(raw(frame, settings), minimum=1)])
    return dict(zip(names(settings), encode(frame, settings, statistics).T, strict=True))


@pytest.mark.parametrize("settings", [ClinicalSettings(), ALL])
def test_known_values_are_standardised_and_missing_ones_become_the_mean(frame, settings):
    columns = encoded(frame, settings)
    for name in variables(settings):
        known = ~np.isnan(raw(frame, settings)[:, variables(settings).index(name)])
        np.testing.assert_allclose(columns[name][known].mean(), 0, atol=1e-6)
        np.testing.assert_allclose(columns[name][known].std(), 1, atol=1e-6)
        assert (columns[name][~known] == 0).all()


def test_indicators_mark_what_is_missing(frame):
    columns = encoded(frame, ALL)
    assert columns["hr_missing"].tolist() == [0, 0, 0, 0, 1, 0]
    assert columns["log_tumour_volume_missing"].tolist() == [0, 0, 0, 0, 0, 1]
    assert columns["menopause_missing"].tolist() == [0, 0, 0, 1, 0, 0]
    # An arm that was not declared tells the model nothing.
    assert columns["arm_missing"].tolist() == [0, 0, 1, 1, 0, 0]


def test_the_product_is_missing_when_a_factor_is(frame):
    product = raw(frame, ALL)[:, variables(ALL).index("hr_x_her2")]
    assert product[:4].tolist() == [1, 0, 0, 0]
    assert np.isnan(product[4:]).all()


def test_statistics_of_other_variables_are_refused(frame):
    statistics = pool(variables(ALL), [moments(raw(frame, ALL), minimum=1)])
    with pytest.raises(FedchemoError, match="FC302"):
        encode(frame, ClinicalSettings(), statistics)


def test_no_patients_give_no_rows(frame):
    statistics = pool(variables(ALL), [moments(raw(frame, ALL), minimum=1)])
    assert encode(frame.iloc[:0], ALL, statistics).shape == (0, len(names(ALL)))
