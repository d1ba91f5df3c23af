"""Net benefit against dcurves and its definition."""

from __future__ import annotations

import dcurves
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.decision_curve import (
    THRESHOLDS,
    decision_curve,
    decision_curve_of_histogram,
)
from tests.simulations.statistics.drawn import CALM, patients


def test_equals_dcurves():
    drawn = patients(1)
    frame = pd.DataFrame({"pcr": drawn.labels.astype(int), "model": drawn.scores})
    theirs = dcurves.dca(frame, "pcr", ["model"], thresholds=list(THRESHOLDS))
    found = decision_curve(drawn.scores, drawn.labels)
    for name, ours in (("model", found.model), ("all", found.everyone)):
        rows = theirs[theirs["model"] == name].sort_values("threshold")
        assert ours == pytest.approx(rows["net_benefit"].to_numpy(), abs=1e-12)


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
