"""Summed histograms against pooled predictions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.simulations.statistics.calibration import smooth_curve
from fedchemo.simulations.statistics.delong import auc_estimate
from fedchemo.simulations.statistics.federated import Equaliser, evaluate
from tests.simulations.statistics.drawn import CALM, patients


def histograms(drawn, bins):
    return [
        ScoreHistogram.from_scores(
            drawn.scores[drawn.sites == site], drawn.labels[drawn.sites == site], bins=bins
        )
        for site in np.unique(drawn.sites)
    ]


def twice(drawn, bins):
    """Both exchanges."""
    first = histograms(drawn, bins)
    equal = Equaliser.of(sum(first[1:], start=first[0]))
    return first, histograms(dataclasses.replace(drawn, scores=equal(drawn.scores)), bins)


@pytest.mark.parametrize("bins", [20, 30, 50])
def test_auc_of_all_sites_errs_by_less_than_a_thousandth(bins):
    plain, sharpened = [], []
    for seed in range(30):
        drawn = patients(seed, n=800)
        exact = auc_estimate(drawn.scores, drawn.labels)
        first, again = twice(drawn, bins)
        for errors, found in ((plain, evaluate(first)), (sharpened, evaluate(first, equalised=again))):
            errors.append(abs(found.auc.value - exact.value))
            assert errors[-1] <= found.auc_error
            assert found.auc.high - found.auc.low == pytest.approx(exact.high - exact.low, abs=0.001)
    assert np.mean(sharpened) < 0.001
    assert np.mean(sharpened) < np.mean(plain)
    if bins == 50:
        assert np.mean(plain) < 0.001
        assert np.max(sharpened) < 0.0015


@pytest.mark.parametrize("bins", [20, 50])
def test_curves_of_all_sites_are_those_of_pooled_predictions(bins):
    for seed in range(5):
        drawn = patients(seed, n=800)
        found = evaluate(histograms(drawn, bins))
        assert found.precision_recall.average_precision == pytest.approx(
            average_precision_score(drawn.labels, drawn.scores), abs=0.005
        )
        assert found.brier.value == pytest.approx(brier_score_loss(drawn.labels, drawn.scores), abs=0.001)
        pooled = calibration(drawn.scores, drawn.labels)
        assert found.recalibration.slope.value == pytest.approx(pooled.slope.value, abs=0.05)
        assert found.patients == 800
        assert found.positives == drawn.labels.sum()


@CALM
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(2, 60))
def test_equalising_keeps_every_order_and_comes_back(drawn, bins):
    scores, labels = (np.array(column) for column in zip(*drawn, strict=True))
    equal = Equaliser.of(ScoreHistogram.from_scores(scores, labels, bins=bins))
    placed = equal(scores)
    assert ((placed >= 0) & (placed <= 1)).all()
    assert (np.diff(placed[np.argsort(scores)]) >= 0).all()
    assert equal.back(placed) == pytest.approx(scores, abs=1e-9)


def test_smooth_calibration_is_that_of_pooled_predictions():
    drawn = patients(1, n=800)
    found, exact = evaluate(histograms(drawn, 50)), smooth_curve(drawn.scores, drawn.labels)
    there = np.interp(found.smooth_calibration.predicted, exact.predicted, exact.observed)
    assert found.smooth_calibration.observed == pytest.approx(there, abs=0.03)


@pytest.mark.parametrize("sharpened", [False, True])
def test_points_of_the_roc_curve_lie_on_the_exact_one(sharpened):
    drawn = patients(2, n=800)
    first, again = twice(drawn, 20)
    roc = evaluate(first, equalised=again if sharpened else ()).roc
    for threshold, alarms, hits in zip(
        roc.thresholds[1:], roc.false_positive_rates[1:], roc.true_positive_rates[1:], strict=True
    ):
        # A hair: a threshold that was mapped there and back may miss its last bit.
        assert hits == pytest.approx(np.mean(drawn.scores[drawn.labels] >= threshold - 1e-12))
        assert alarms == pytest.approx(np.mean(drawn.scores[~drawn.labels] >= threshold - 1e-12))


def test_scores_that_huddle_are_told_of():
    """A first round's scores lie in two bins: the AUC may then err, and the bound says by how much."""
    drawn = patients(3, n=800)
    huddled = 0.48 + 0.04 * drawn.scores
    found = evaluate([ScoreHistogram.from_scores(huddled, drawn.labels, bins=20)])
    error = abs(found.auc.value - roc_auc_score(drawn.labels, huddled))
    assert 0.01 < error <= found.auc_error
    _, again = twice(dataclasses.replace(drawn, scores=huddled), 20)
    sharpened = evaluate(histograms(dataclasses.replace(drawn, scores=huddled), 20), equalised=again)
    assert abs(sharpened.auc.value - roc_auc_score(drawn.labels, huddled)) < error / 3


def test_no_site_and_one_class():
    assert evaluate([]) is None
    found = evaluate([ScoreHistogram.from_scores([0.2, 0.4], [0, 0])])
    assert found.auc is found.roc is found.precision_recall is found.smooth_calibration is None
    assert found.brier is not None
    with pytest.raises(ValueError, match="other patients"):
        evaluate([ScoreHistogram.empty()], equalised=[ScoreHistogram.from_scores([0.2], [1])])
