"""All figures together, with or without an answer to each."""

from __future__ import annotations

import json

import numpy as np

from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.scorecard import scorecard
from fedchemo.shared.randomness import numpy_stream


def test_every_figure_lies_in_its_interval_and_repeats_itself():
    generator = numpy_stream(0, "test", "scorecard")
    scores = generator.random(200)
    labels = generator.random(200) < scores
    first, again = (scorecard(scores, labels, generator=numpy_stream(0, "ece")) for _ in range(2))
    assert first == again
    assert first.auc == auc(scores, labels)
    figures = json.loads(json.dumps(first.to_dict()))
    assert figures.pop("patients") == 200
    assert figures.pop("positives") == labels.sum()
    for figure in figures.values():
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_one_class_leaves_what_it_cannot_tell_empty():
    found = scorecard(np.array([0.2, 0.3, 0.4]), [0, 0, 0], generator=numpy_stream(0, "ece"))
    assert found.auc is found.calibration_slope is found.calibration_in_the_large is None
    assert found.log_loss.value > 0
    assert found.brier.value > 0


def test_nobody_has_no_figures():
    found = scorecard([], [], generator=numpy_stream(0, "ece"))
    assert found.to_dict() == {"patients": 0, "positives": 0} | dict.fromkeys(
        (
            "auc",
            "log_loss",
            "brier",
            "calibration_slope",
            "calibration_intercept",
            "calibration_in_the_large",
            "expected_calibration_error",
        )
    )
