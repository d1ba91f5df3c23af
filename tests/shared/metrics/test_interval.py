"""Intervals are finite and ordered; the bootstrap is stratified and derived."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fedchemo.shared.metrics.interval import Interval, bootstrap, wilson
from fedchemo.shared.randomness import numpy_stream


@pytest.mark.parametrize(
    "bounds", [(math.nan, 0, 1), (0.5, -math.inf, 1), (0.5, 0, math.nan), (0.5, 0.6, 0.4)]
)
def test_an_interval_is_never_nan_infinite_or_swapped(bounds):
    with pytest.raises(ValueError, match=r"finite|swapped"):
        Interval(*bounds)


def test_normal_is_cut_to_what_the_figure_can_be():
    cut = Interval.normal(0.9, 0.2, least=0, most=1)
    assert (cut.value, cut.low, cut.high) == (0.9, pytest.approx(0.508, abs=1e-3), 1.0)
    assert Interval.normal(0.5, 0.1).excludes(0.1)
    assert not Interval.normal(0.5, 0.1).excludes(0.4)


def test_crosses_process_borders():
    assert pickle.loads(pickle.dumps(Interval(0.5, 0.4, 0.6))) == Interval(0.5, 0.4, 0.6)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_equals_scipy(events, others):
    found = wilson(events, events + others)
    theirs = binomtest(events, events + others).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_of_nobody_is_none():
    assert wilson(0, 0) is None


def test_bootstrap_keeps_the_classes_and_repeats_itself():
    labels = np.array([True] * 3 + [False] * 17)
    scores = np.linspace(0, 1, 20)
    seen = set()

    def positives(_scores, drawn):
        seen.add(int(drawn.sum()))
        return float(_scores.mean())

    first, again = (
        bootstrap(positives, scores, labels, generator=numpy_stream(0, "test"), resamples=50)
        for _ in range(2)
    )
    assert seen == {3}
    assert first == again
    assert first.low < first.value < first.high


def test_bootstrap_of_something_often_undefined_is_none():
    def sometimes(scores, _labels):
        return None if scores.mean() > 0.55 else float(scores.mean())

    scores, labels = np.linspace(0, 1, 10), np.array([True, False] * 5)
    assert sometimes(scores, labels) is not None
    assert bootstrap(sometimes, scores, labels, generator=numpy_stream(0, "test"), resamples=100) is None
    assert bootstrap(lambda _s, _l: None, scores, labels, generator=numpy_stream(0, "test")) is None
