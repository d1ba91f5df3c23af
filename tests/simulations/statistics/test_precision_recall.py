"""Precision and recall against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import average_precision_score, precision_recall_curve

from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.precision_recall import (
    average_precision,
    precision_recall,
    precision_recall_of_histogram,
)
from tests.simulations.statistics.drawn import CALM, arrays, patients, rows


@CALM
@given(rows)
def test_equals_scikit_learn(drawn):
    scores, _, labels = arrays(drawn)
    found = precision_recall(scores, labels)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    assert found.thresholds == pytest.approx(thresholds[::-1])
    assert found.precision == pytest.approx(precision[:-1][::-1])
    assert found.recall == pytest.approx(recall[:-1][::-1])
    assert found.average_precision == pytest.approx(average_precision_score(labels, scores))
    assert found.chance == pytest.approx(labels.mean())


def test_interval_holds_the_value():
    drawn = patients(1)
    found = average_precision(drawn.scores, drawn.labels, generator=numpy_stream(1, "test"), resamples=500)
    assert found.value == pytest.approx(average_precision_score(drawn.labels, drawn.scores))
    assert 0 < found.low < found.value < found.high < 1


def test_points_of_a_histogram_are_those_of_the_bins():
    drawn = patients(2)
    found = precision_recall_of_histogram(ScoreHistogram.from_scores(drawn.scores, drawn.labels, bins=50))
    binned = precision_recall(np.floor(drawn.scores * 50) / 50, drawn.labels)
    assert found.recall == pytest.approx(binned.recall)
    assert found.precision == pytest.approx(binned.precision)


def test_average_precision_of_a_bin_is_that_of_its_patients_in_any_order():
    labels = np.array([1] * 240 + [0] * 560 + [1] * 100 + [0] * 900)
    bins = np.array([0.7] * 800 + [0.3] * 1000)
    found = precision_recall_of_histogram(ScoreHistogram.from_scores(bins, labels, bins=10))
    stream = numpy_stream(3, "test", "any order")
    mixed = [average_precision_score(labels, bins + 0.01 * stream.random(1800)) for _ in range(200)]
    assert found.average_precision == pytest.approx(np.mean(mixed), abs=0.005)


def test_one_class_has_none():
    assert precision_recall([0.2, 0.4], [1, 1]) is None
    assert average_precision([0.2, 0.4], [0, 0], generator=numpy_stream(0, "test")) is None
    assert precision_recall_of_histogram(ScoreHistogram.empty()) is None
