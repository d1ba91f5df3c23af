"""Summed histograms against pooled predictions."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from fedchemo.server.evaluation import Ranking, evaluate, of_sums, to_json
from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.stretch import Stretch
from fedchemo.shared.metrics.summary import ScoreSums
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
    stretch = Stretch.of(sum(first[1:], start=first[0]))
    return first, stretch, histograms(dataclasses.replace(drawn, scores=stretch(drawn.scores)), bins)


@pytest.mark.parametrize(
    ("bins", "mean", "most"), [(20, 0.001, 0.004), (30, 0.001, 0.002), (50, 0.0006, 0.0015)]
)
def test_auc_of_all_sites_errs_by_less_than_a_thousandth(bins, mean, most):
    plain, sharpened = [], []
    for seed in range(30):
        drawn = patients(seed, n=800)
        exact = auc(drawn.scores, drawn.labels)
        first, stretch, again = twice(drawn, bins)
        for errors, found in (
            (plain, evaluate(first)),
            (sharpened, evaluate(first, stretch=stretch, again=again)),
        ):
            errors.append(abs(found.auc.value - exact.value))
            assert errors[-1] <= found.auc_error
            assert found.auc.high - found.auc.low == pytest.approx(exact.high - exact.low, abs=0.001)
    assert np.mean(sharpened) < mean
    assert np.max(sharpened) < most
    assert np.mean(sharpened) < np.mean(plain)
    if bins == 50:
        assert np.mean(plain) < 0.001


@CALM
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30).filter(
        lambda counts: all(map(any, zip(*counts, strict=True)))
    )
)
def test_leaning_within_bins_stays_within_what_ties_allow(counts):
    found = ScoreHistogram.from_lists(*map(list, zip(*counts, strict=True)))
    flat, leaning = found.auc(), found.sloped_auc()
    assert abs(leaning.value - flat.value) <= found.tied_share() / 2 + 1e-12
    assert 0 <= leaning.low <= leaning.value <= leaning.high <= 1


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
        threshold = found.decision_curve.thresholds[bins // 4]
        treated = drawn.scores >= threshold
        benefit = np.mean(treated & drawn.labels) - np.mean(treated & ~drawn.labels) * threshold / (
            1 - threshold
        )
        assert found.decision_curve.model[bins // 4] == pytest.approx(benefit)


@CALM
@given(
    st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=40), st.integers(2, 60)
)
def test_stretching_keeps_every_order_and_comes_back(drawn, bins):
    scores, labels = (np.array(column) for column in zip(*drawn, strict=True))
    stretch = Stretch.of(ScoreHistogram.from_scores(scores, labels, bins=bins))
    placed = stretch(scores)
    assert ((placed >= 0) & (placed <= 1)).all()
    assert (np.diff(placed[np.argsort(scores)]) >= 0).all()
    inner = (placed > 1e-9) & (placed < 1 - 1e-9)
    assert stretch.back(placed[inner]) == pytest.approx(scores[inner], abs=1e-6)


@pytest.mark.parametrize("sharpened", [False, True])
def test_points_of_the_roc_curve_lie_on_the_exact_one(sharpened):
    drawn = patients(2, n=800)
    first, stretch, again = twice(drawn, 20)
    roc = (evaluate(first, stretch=stretch, again=again) if sharpened else evaluate(first)).roc
    for threshold, alarms, hits in zip(
        roc.thresholds[1:], roc.false_positive_rates[1:], roc.true_positive_rates[1:], strict=True
    ):
        # A hair: a threshold that was mapped there and back may miss its last bit.
        assert hits == pytest.approx(np.mean(drawn.scores[drawn.labels] >= threshold - 1e-12))
        assert alarms == pytest.approx(np.mean(drawn.scores[~drawn.labels] >= threshold - 1e-12))


def test_scores_that_huddle_are_told_of():
    """A first round's scores lie in two bins: the AUC may then err, and the bound says by how much."""
    drawn = patients(3, n=800)
    huddled = dataclasses.replace(drawn, scores=0.48 + 0.04 * drawn.scores)
    first, stretch, again = twice(huddled, 20)
    exact = roc_auc_score(drawn.labels, huddled.scores)
    found = evaluate(first)
    error = abs(found.auc.value - exact)
    assert 0.01 < error <= found.auc_error
    sharpened = evaluate(first, stretch=stretch, again=again)
    assert abs(sharpened.auc.value - exact) < error / 3


def test_no_site_and_one_class():
    assert evaluate([]) is None
    found = evaluate([ScoreHistogram.from_scores([0.2, 0.4], [0, 0])])
    assert found.auc is found.roc is found.precision_recall is None
    assert found.brier is not None
    assert Stretch.of(ScoreHistogram.empty()) is None
    with pytest.raises(ValueError, match="other patients"):
        evaluate(
            [ScoreHistogram.empty()],
            stretch=Stretch(0.0, 1.0),
            again=[ScoreHistogram.from_scores([0.2], [1])],
        )


def test_a_site_that_answers_only_once_leaves_the_first_exchange():
    drawn = patients(4, n=400)
    here = drawn.sites < "S06"
    first = {
        name: ScoreSums.from_scores(drawn.scores[part], drawn.labels[part])
        for name, part in (("A", here), ("B", ~here))
    }
    stretch = Stretch.of(first["A"].histogram + first["B"].histogram)
    both = {
        name: ScoreSums.from_scores(stretch(drawn.scores[part]), drawn.labels[part])
        for name, part in (("A", here), ("B", ~here))
    }
    exact = roc_auc_score(drawn.labels, drawn.scores)
    sharp, plain = of_sums(first, Ranking(stretch, both)), of_sums(first, Ranking(stretch, {"A": both["A"]}))
    assert sharp.auc_error < plain.auc_error
    assert sharp.auc.value == pytest.approx(exact, abs=0.002)
    assert plain.patients == 400
    content = json.loads(json.dumps(to_json(sharp), allow_nan=False))
    assert content["auc"]["value"] == sharp.auc.value
    assert len(content["roc"]["thresholds"]) == 51
    assert of_sums({}, None) is None
