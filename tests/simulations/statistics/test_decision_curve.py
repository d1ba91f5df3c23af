"""Net benefit against dcurves and its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.decision_curve import (
    decision_curve,
    decision_curve_of_histogram,
)
from tests.simulations.statistics.drawn import CALM, patients

# Of dcurves 1.1.7, which does not install beside pandas 3, for patients(1).
DCURVES = {
    0.05: (0.289736842105, 0.292105263158),
    0.1: (0.245, 0.252777777778),
    0.2: (0.180625, 0.159375),
    0.3: (0.158214285714, 0.039285714286),
    0.4: (0.078333333333, -0.120833333333),
    0.5: (0.0575, -0.345),
    0.7: (0.0275, -1.241666666667),
    0.9: (0.0, -5.725),
}
"""Threshold -> net benefit of the model, and of treating everybody."""


def test_equals_dcurves():
    drawn = patients(1)
    found = decision_curve(drawn.scores, drawn.labels, thresholds=list(DCURVES))
    theirs = np.array(list(DCURVES.values()))
    assert found.model == pytest.approx(theirs[:, 0], abs=1e-11)
    assert found.everyone == pytest.approx(theirs[:, 1], abs=1e-11)


@CALM
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_is_true_positives_less_weighed_false_ones(drawn, threshold):
    scores, labels = (np.array(column) for column in zip(*drawn, strict=True))
    found = decision_curve(scores, labels, thresholds=[threshold])
    chosen = scores >= threshold
    expected = np.mean(chosen & labels) - np.mean(chosen & ~labels) * threshold / (1 - threshold)
    assert found.model[0] == pytest.approx(expected, abs=1e-12)
    assert found.gain[0] == pytest.approx(expected - max(0, found.everyone[0]), abs=1e-12)
    assert found.low is None


def test_bands_hold_the_curve_and_repeat_with_the_seed():
    drawn = patients(2)
    curves = [
        decision_curve(drawn.scores, drawn.labels, generator=numpy_stream(2, "test"), resamples=500)
        for _ in range(2)
    ]
    assert (curves[0].low <= curves[0].model).all()
    assert (curves[0].model <= curves[0].high).all()
    assert (curves[0].low == curves[1].low).all()
    assert (curves[0].gain_low <= curves[0].gain_high).all()


def test_of_a_histogram_it_is_exact_at_the_edges():
    drawn = patients(3)
    found = decision_curve_of_histogram(ScoreHistogram.from_scores(drawn.scores, drawn.labels, bins=20))
    exact = decision_curve(drawn.scores, drawn.labels, thresholds=list(found.thresholds))
    assert found.model == pytest.approx(exact.model, abs=1e-12)
    assert found.everyone == pytest.approx(exact.everyone, abs=1e-12)


@pytest.mark.parametrize("threshold", [0, 1, 1.2, float("nan")])
def test_a_threshold_lies_between(threshold):
    with pytest.raises(ValueError, match="between 0 and 1"):
        decision_curve([0.2, 0.4], [0, 1], thresholds=[threshold])


def test_nobody_has_no_curve():
    assert decision_curve([], []) is None
    assert decision_curve_of_histogram(ScoreHistogram.empty()) is None
