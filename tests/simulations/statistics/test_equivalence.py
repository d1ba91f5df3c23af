"""Two one-sided tests against statsmodels, and words that claim no more than the figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.equivalence import Verdict, against_margin
from fedchemo.simulations.statistics.estimate import Contrast
from tests.simulations.statistics.drawn import CALM


def contrast(value, error, freedom=math.inf):
    return Contrast.of_error(value, error, n=100, method="given", freedom=freedom)


def test_equals_statsmodels():
    sample = numpy_stream(1, "test", "equivalence").normal(0.01, 0.1, size=60)
    found = against_margin(contrast(sample.mean(), sample.std(ddof=1) / np.sqrt(60), 59), 0.04)
    p, lower, upper = DescrStatsW(sample).ttost_mean(-0.04, 0.04)
    assert (found.p, found.p_not_worse, found.p_not_better) == pytest.approx((p, lower[1], upper[1]))


@CALM
@given(
    st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.floats(0.001, 0.2), st.sampled_from([5.0, 50.0, math.inf])
)
def test_the_interval_and_the_tests_say_the_same(value, error, margin, freedom):
    found = against_margin(contrast(value, error, freedom), margin)
    assert found.equivalent == (-margin < found.low and found.high < margin)
    assert found.not_worse == (-margin < found.low)
    turned = against_margin(contrast(-value, error, freedom), margin)
    assert (turned.p_not_worse, turned.p_not_better) == pytest.approx((found.p_not_better, found.p_not_worse))


@pytest.mark.parametrize(
    ("value", "error", "verdict", "words"),
    [
        (0.001, 0.005, Verdict.EQUIVALENT, "equivalent"),
        (0.012, 0.004, Verdict.EQUIVALENT, "though a difference was detected"),
        (0.001, 0.05, Verdict.OPEN, "does not show that they are equal"),
        (0.03, 0.02, Verdict.NOT_WORSE, "not to be worse"),
        (0.09, 0.02, Verdict.BETTER, "is better"),
        (-0.09, 0.02, Verdict.WORSE, "is worse"),
    ],
)
def test_verdicts_in_words(value, error, verdict, words):
    found = against_margin(contrast(value, error), 0.02)
    assert found.verdict is verdict
    sentence = found.sentence("federated", "pooled")
    assert words in sentence
    assert "margin 0.02" in sentence
    if verdict is not Verdict.EQUIVALENT:
        assert "equivalent" not in sentence


def test_identical_predictions_are_equivalent_within_any_margin():
    found = against_margin(contrast(0.0, 0.0), 1e-6)
    assert found.equivalent
    assert not found.detected


@pytest.mark.parametrize("margin", [0, -0.1, float("nan")])
def test_a_margin_must_be_stated(margin):
    with pytest.raises(ValueError, match="margin"):
        against_margin(contrast(0.0, 0.1), margin)
