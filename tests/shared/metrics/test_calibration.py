"""Cox's recalibration against scikit-learn's unpenalised regression, its coverage, and the cases without an answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fedchemo.shared.metrics.calibration import calibration, expected_error
from fedchemo.shared.randomness import numpy_stream


def drawn(n: int = 600, *, slope: float = 1.0, shift: float = 0.0, stream: str = "a"):
    """Predictions whose true recalibration is known."""
    generator = numpy_stream(0, "test", "calibration", stream)
    logits = generator.normal(size=n) - 0.5
    labels = generator.random(n) < 1 / (1 + np.exp(-(slope * logits + shift)))
    return 1 / (1 + np.exp(-logits)), labels


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.4, 0.3), (2.0, -1.0)])
def test_equals_an_unpenalised_logistic_regression(slope, shift):
    probabilities, labels = drawn(slope=slope, shift=shift)
    logits = np.log(probabilities / (1 - probabilities))
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)
    found = calibration(probabilities, labels)
    assert found.slope.value == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
    assert found.intercept.value == pytest.approx(fitted.intercept_[0], abs=1e-5)
    assert found.slope.low < slope < found.slope.high
    assert found.intercept.low < shift < found.intercept.high


def test_in_the_large_makes_the_mean_prediction_right():
    probabilities, labels = drawn(shift=0.7)
    found = calibration(probabilities, labels).in_the_large
    moved = 1 / (1 + (1 - probabilities) / probabilities * np.exp(-found.value))
    assert moved.mean() == pytest.approx(labels.mean(), abs=1e-9)
    assert found.low < 0.7 < found.high


def test_intervals_cover_the_truth_as_often_as_they_say():
    inside = [
        calibration(*drawn(200, slope=0.8, stream=str(again))).slope.excludes(0.8) for again in range(300)
    ]
    # 5 % miss; 4 standard errors of 300 trials are 5 %.
    assert sum(inside) / 300 == pytest.approx(0.05, abs=0.05)


@pytest.mark.parametrize(
    ("probabilities", "labels", "in_the_large"),
    [
        ([0.2, 0.4, 0.6], [0, 0, 0], False),
        ([], [], False),
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1], True),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], True),
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1], True),
        ([0.49999, 0.49998, 0.50001, 0.50002], [0, 0, 1, 1], True),
    ],
    ids=[
        "one class",
        "nobody",
        "one prediction",
        "separated",
        "certain and separated",
        "huddled and separated",
    ],
)
def test_what_cannot_be_estimated_is_none(probabilities, labels, in_the_large):
    found = calibration(probabilities, labels)
    assert found.slope is None
    assert found.intercept is None
    assert (found.in_the_large is not None) == in_the_large


def test_a_steep_slope_of_huddled_predictions_is_found():
    probabilities, labels = drawn(2000)
    logits = np.log(probabilities / (1 - probabilities))
    huddled = 1 / (1 + np.exp(-logits / 100))
    assert calibration(huddled, labels).slope.value == pytest.approx(
        100 * calibration(probabilities, labels).slope.value, rel=1e-6
    )


def test_expected_error_is_the_weighted_gap():
    scores, labels = np.array([0.15, 0.15, 0.85, 1.0]), np.array([False, True, True, True])
    assert expected_error(scores, labels) == pytest.approx((2 * 0.35 + 0.15 + 0.0) / 4)
    assert expected_error(scores[:0], labels[:0]) is None
