"""Log-loss and Brier score against scikit-learn, and their intervals against the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from fedchemo.shared.metrics.interval import bootstrap
from fedchemo.shared.metrics.loss import LARGEST, brier, log_loss, log_losses, mean_of_sums
from fedchemo.shared.randomness import numpy_stream


def drawn(n: int = 300):
    generator = numpy_stream(0, "test", "loss")
    probabilities = generator.beta(2, 4, size=n)
    return probabilities, generator.random(n) < probabilities


@pytest.mark.parametrize(("ours", "theirs"), [(log_loss, sklearn_log_loss), (brier, brier_score_loss)])
def test_equals_scikit_learn_and_its_bootstrap(ours, theirs):
    probabilities, labels = drawn()
    found = ours(probabilities, labels)
    assert found.value == pytest.approx(theirs(labels, probabilities), abs=1e-12)
    # Stratified resampling keeps the prevalence, so its interval may be a little narrower.
    resampled = bootstrap(
        lambda p, y: theirs(y, p),
        probabilities,
        labels,
        generator=numpy_stream(0, "test", "b"),
        resamples=500,
    )
    assert found.low == pytest.approx(resampled.low, abs=0.02)
    assert found.high == pytest.approx(resampled.high, abs=0.02)


def test_interval_equals_that_of_a_mean():
    losses = log_losses(*drawn())
    found = log_loss(*drawn())
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert (found.low, found.high) == pytest.approx(
        (losses.mean() - 1.96 * error, losses.mean() + 1.96 * error), abs=1e-5
    )


def test_certain_and_wrong_stays_finite():
    assert log_losses([0.0, 1.0], [1, 0]) == pytest.approx([LARGEST, LARGEST])
    assert log_losses([0.0, 1.0], [0, 1]) == pytest.approx([0, 0], abs=1e-6)


def test_one_patient_has_no_interval():
    assert log_loss([0.5], [1]) is None
    assert brier([], []) is None


def test_a_constant_has_a_narrow_interval_not_a_negative_variance():
    found = mean_of_sums(3, 0.3, 0.03)
    assert found.low == pytest.approx(0.1, abs=1e-6)
    assert found.high == pytest.approx(0.1, abs=1e-6)
