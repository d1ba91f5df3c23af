"""Calibration against statsmodels and scikit-learn; the parts of the Brier score add up."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from fedchemo.shared.metrics.interval import Z
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.calibration import (
    brier_parts,
    calibration,
    smooth_curve,
    smooth_curve_of_groups,
    spline,
)
from tests.simulations.statistics.drawn import CALM, expit, patients


@CALM
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_parts_of_the_brier_score_add_up(drawn):
    scores, labels = (np.array(column) for column in zip(*drawn, strict=True))
    parts = brier_parts(scores, labels)
    assert parts.brier == pytest.approx(brier_score_loss(labels, scores, labels=[0, 1]), abs=1e-12)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert parts.brier == pytest.approx(total, abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0


def test_equal_scores_within_bins_leave_nothing_within():
    drawn = patients(1)
    parts = brier_parts(np.round(drawn.scores * 10 - 0.5) / 10 + 0.05, drawn.labels)
    assert parts.within == pytest.approx(0, abs=1e-12)
    predicted = np.clip(np.round(drawn.scores * 10 - 0.5) / 10 + 0.05, 0, 1)
    observed, mean = calibration_curve(drawn.labels, predicted, n_bins=10)
    counts = np.histogram(predicted, bins=10, range=(0, 1))[0]
    shares = counts[counts > 0] / 400
    assert parts.reliability == pytest.approx(shares @ (observed - mean) ** 2)


def test_slope_and_intercepts_equal_statsmodels():
    drawn = patients(2)
    logits = np.log(drawn.scores / (1 - drawn.scores))
    found = calibration(drawn.scores, drawn.labels, generator=numpy_stream(2, "test"), resamples=200)
    both = sm.Logit(drawn.labels.astype(float), sm.add_constant(logits)).fit(disp=0)
    large = sm.GLM(drawn.labels.astype(float), np.ones(400), sm.families.Binomial(), offset=logits).fit()
    for estimate, fitted, place in (
        (found.intercept, both, 0),
        (found.slope, both, 1),
        (found.in_the_large, large, 0),
    ):
        assert estimate.value == pytest.approx(fitted.params[place], abs=1e-7)
        assert (estimate.low, estimate.high) == pytest.approx(fitted.conf_int()[place], abs=1e-5)
    assert found.expected_error.low <= found.expected_error.value
    assert found.brier.n == 400


def test_curve_and_its_bands_equal_a_regression_on_the_spline():
    drawn = patients(3)
    found = smooth_curve(drawn.scores, drawn.labels)
    logits = np.log(drawn.scores / (1 - drawn.scores))
    # The smallest score that reaches a share of the patients, as the curve takes its knots.
    knots = np.sort(logits)[[19, 139, 259, 379]]
    fitted = sm.GLM(drawn.labels.astype(float), spline(logits, knots), sm.families.Binomial()).fit()
    basis = spline(np.log(found.predicted / (1 - found.predicted)), knots)
    middle, half = basis @ fitted.params, Z * np.sqrt(np.sum(basis @ fitted.cov_params() * basis, axis=1))
    assert found.observed == pytest.approx(expit(middle), abs=1e-6)
    assert found.low == pytest.approx(expit(middle - half), abs=1e-6)
    assert found.high == pytest.approx(expit(middle + half), abs=1e-6)


def test_spline_is_straight_beyond_its_outer_knots_and_smooth_at_them():
    knots = np.array([-1.0, 0.0, 0.7, 2.0])
    for outside in (np.linspace(-3, -1, 9), np.linspace(2, 5, 9)):
        assert np.diff(spline(outside, knots), 2, axis=0) == pytest.approx(0, abs=1e-9)
    around = spline(np.linspace(-1.5, 2.5, 4001), knots)
    assert np.abs(np.diff(around, 2, axis=0)).max() < 1e-5


def test_bands_cover_a_model_that_is_calibrated():
    """At the median prediction, in 200 studies, the band must hold the diagonal about 190 times."""
    held = 0
    for seed in range(200):
        stream = numpy_stream(seed, "test", "calibrated")
        scores = expit(0.9 * stream.normal(size=300) - 0.8)
        found = smooth_curve(scores, stream.random(300) < scores, points=3)
        held += bool(found.low[1] <= found.predicted[1] <= found.high[1])
    assert 182 <= held <= 199


def test_groups_are_the_same_as_patients():
    drawn = patients(4, decimals=2)
    values, where = np.unique(drawn.scores, return_inverse=True)
    trials = np.bincount(where).astype(float)
    events = np.bincount(where, weights=drawn.labels)
    one, other = smooth_curve(drawn.scores, drawn.labels), smooth_curve_of_groups(values, events, trials)
    assert one.observed == pytest.approx(other.observed, abs=1e-8)
    assert one.low == pytest.approx(other.low, abs=1e-8)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([], []), ([0.2, 0.4], [0, 0]), ([0.3] * 6, [0, 1] * 3), ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])],
)
def test_no_curve_without_two_classes_that_overlap(scores, labels):
    assert smooth_curve(scores, labels) is None


def test_few_distinct_scores_have_a_straight_line():
    scores = np.array([0.2] * 20 + [0.6] * 20)
    labels = np.array([True] * 5 + [False] * 15 + [True] * 11 + [False] * 9)
    found = smooth_curve(scores, labels)
    assert found.knots == 2
    assert found.observed[[0, -1]] == pytest.approx([0.25, 0.55], abs=1e-6)


def test_nobody_has_no_calibration():
    found = calibration([], [], generator=numpy_stream(0, "test"))
    assert found.slope is found.brier is found.brier_parts is found.expected_error is None
