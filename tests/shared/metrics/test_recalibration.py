"""Maps that mend probabilities: from counts as from the predictions themselves, and a hospital's own intercept."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.recalibration import (
    Recalibrated,
    site_intercept,
    slope_and_intercept,
    temperature,
)
from fedchemo.shared.randomness import numpy_stream


def overconfident(n=3000, *, shift=0.0, seed=0):
    """A model whose logits are twice too large."""
    stream = numpy_stream(seed, "test", "recalibration")
    logits = 0.9 * stream.normal(size=n) - 0.5
    labels = stream.random(n) < 1 / (1 + np.exp(-(logits + shift)))
    return 1 / (1 + np.exp(-2 * logits)), labels


def test_a_model_that_is_too_sure_is_mended_from_counts():
    scores, labels = overconfident()
    histogram = ScoreHistogram.from_scores(scores, labels)
    for found in (temperature(histogram), slope_and_intercept(histogram)):
        assert found.slope == pytest.approx(0.5, abs=0.06)
        assert found.temperature == pytest.approx(1 / found.slope)
        mended = calibration(found(scores), labels)
        assert mended.slope.low < 1 < mended.slope.high
    assert temperature(histogram).intercept == 0
    exact = calibration(scores, labels)
    assert slope_and_intercept(histogram).slope == pytest.approx(exact.slope.value, abs=0.03)
    assert slope_and_intercept(histogram).intercept == pytest.approx(exact.intercept.value, abs=0.03)


def test_a_hospital_with_more_pcr_gets_its_own_intercept_and_a_small_one_little_of_it():
    common = Recalibrated(slope=0.5, intercept=0.0, slope_error=0.01)
    scores, labels = overconfident(shift=0.8, seed=1)
    large = site_intercept(common, scores, labels)
    small = site_intercept(common, scores[:12], labels[:12])
    assert large.intercept == pytest.approx(0.8, abs=0.1)
    assert large.slope == common.slope
    assert abs(small.intercept) < 0.5
    assert site_intercept(common, [], []) == common


def test_what_cannot_be_mended_is_left():
    assert temperature(ScoreHistogram.empty()) is None
    assert temperature(ScoreHistogram.from_scores([0.2, 0.4], [0, 0])) is None
    assert slope_and_intercept(ScoreHistogram.from_scores([0.1, 0.2, 0.8, 0.9, 0.5], [1, 1, 0, 0, 1])) is None
