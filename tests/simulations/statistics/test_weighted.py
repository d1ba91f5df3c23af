"""Figures on counts equal scikit-learn's on the patients repeated that often."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, recall_score, roc_auc_score

from fedchemo.shared.metrics.calibration import calibration, expected_error
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import weighted
from tests.simulations.statistics.drawn import CALM, patients

REFERENCES = {
    "auc": (weighted.auc, lambda scores, labels: roc_auc_score(labels, scores)),
    "average precision": (
        weighted.average_precision,
        lambda scores, labels: average_precision_score(labels, scores),
    ),
    "brier": (weighted.brier, lambda scores, labels: brier_score_loss(labels, scores)),
    "log-loss": (weighted.log_loss, lambda scores, labels: log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7))),
    "expected error": (weighted.expected_error, expected_error),
    "sensitivity": (
        partial(weighted.sensitivity, threshold=0.5),
        lambda scores, labels: recall_score(labels, scores >= 0.5),
    ),
    "specificity": (
        partial(weighted.specificity, threshold=0.5),
        lambda scores, labels: recall_score(~labels, scores < 0.5),
    ),
    "observed less predicted": (
        weighted.observed_less_predicted,
        lambda scores, labels: labels.mean() - scores.mean(),
    ),
}

counted = st.lists(
    st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 3), st.integers(0, 3)),
    min_size=2,
    max_size=30,
).filter(
    lambda drawn: all(any(row[1] is y and row[k] for row in drawn) for y in (True, False) for k in (2, 3))
)


@pytest.mark.parametrize("name", REFERENCES)
@CALM
@given(drawn=counted)
def test_counts_stand_for_repeated_patients(name, drawn):
    figure, reference = REFERENCES[name]
    tenths, labels, *both = (np.array(column) for column in zip(*drawn, strict=True))
    scores = tenths / 10
    found = figure(scores, labels)(np.stack(both).astype(float))
    for value, counts in zip(found, both, strict=True):
        repeated = np.repeat(scores, counts), np.repeat(labels, counts)
        assert value == pytest.approx(reference(*repeated), abs=1e-9)


def test_calibration_slope_on_counts_is_that_of_a_weighted_regression():
    drawn = patients(1)
    counts = numpy_stream(1, "test", "counts").integers(0, 4, size=(5, 400)).astype(float)
    logits = np.log(drawn.scores / (1 - drawn.scores))
    found = weighted.calibration_slope(drawn.scores, drawn.labels)(counts)
    for slope, weights in zip(found, counts, strict=True):
        fitted = sm.GLM(
            drawn.labels.astype(float), sm.add_constant(logits), sm.families.Binomial(), freq_weights=weights
        ).fit()
        assert slope == pytest.approx(fitted.params[1], rel=1e-6)
    alone = weighted.calibration_slope(drawn.scores, drawn.labels)(np.ones((1, 400)))[0]
    assert alone == pytest.approx(calibration(drawn.scores, drawn.labels).slope.value, rel=1e-7)


def test_an_undefined_figure_is_nan_without_a_warning():
    scores, labels = np.array([0.2, 0.4, 0.6, 0.8]), np.array([False, False, True, True])
    one_class, nobody = np.array([[1.0, 1, 0, 0]]), np.zeros((1, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (weighted.auc, weighted.average_precision, weighted.calibration_slope):
            assert np.isnan(figure(scores, labels)(one_class)).all()
            assert np.isnan(figure(scores, labels)(nobody)).all()
        # Separated, and all the same: no slope.
        assert np.isnan(weighted.calibration_slope(scores, labels)(np.ones((1, 4)))).all()
        assert np.isnan(weighted.calibration_slope(np.full(4, 0.5), [0, 1, 0, 1])(np.ones((1, 4)))).all()
