"""Histograms add up to the pooled one, and their AUC is the exact one as far as bins can tell."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.randomness import numpy_stream

scored = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


def histogram(rows, **options) -> ScoreHistogram:
    return ScoreHistogram.from_scores([row[0] for row in rows], [row[1] for row in rows], **options)


def trained(n: int, seed: int = 0):
    """Scores spread as those of a model with an AUC of .72."""
    generator = numpy_stream(seed, "test", "histogram")
    logits = 0.9 * generator.normal(size=n) - 0.8
    probabilities = 1 / (1 + np.exp(-logits))
    return probabilities, generator.random(n) < probabilities


@given(scored, scored, scored)
def test_merging_is_commutative_and_associative_and_gives_the_pooled_histogram(a, b, c):
    x, y, z = histogram(a), histogram(b), histogram(c)
    assert x + y == y + x
    assert (x + y) + z == x + (y + z) == histogram(a + b + c)
    assert x + ScoreHistogram.empty() == x


@given(scored)
def test_every_patient_is_counted_once_in_the_bin_that_holds_the_score(rows):
    found = histogram(rows, bins=10)
    assert found.positives.sum() == sum(label for _, label in rows)
    assert found.positives.sum() + found.negatives.sum() == len(rows)
    for score, _ in rows:
        bin_ = min(int(score * 10), 9)
        assert found.positives[bin_] + found.negatives[bin_] > 0


@given(
    st.lists(
        st.tuples(st.integers(0, 49), st.booleans()), min_size=2, max_size=50, unique_by=lambda row: row[0]
    )
)
def test_auc_is_exact_to_the_interval_where_bins_tell_all_scores_apart(rows):
    scores = [(bin_ + 0.3) / 50 for bin_, _ in rows]
    labels = [label for _, label in rows]
    binned, exact = histogram(list(zip(scores, labels, strict=True))).auc(), auc(scores, labels)
    if exact is None:
        assert binned is None
    else:
        # Empty bins change the order in which floats are added, so the last bits may differ.
        assert astuple(binned) == pytest.approx(astuple(exact), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_fifty_bins_err_by_less_than_a_thousandth(seed):
    probabilities, labels = trained(2000, seed)
    found = ScoreHistogram.from_scores(probabilities, labels).auc()
    exact = auc(probabilities, labels)
    assert exact.value == pytest.approx(roc_auc_score(labels, probabilities))
    assert found.value == pytest.approx(exact.value, abs=0.001)
    assert found.low == pytest.approx(exact.low, abs=0.001)
    assert found.high == pytest.approx(exact.high, abs=0.001)


@given(scored)
def test_half_the_tied_pairs_bound_the_error(rows):
    found = histogram(rows, bins=5)
    if found.auc() is None:
        assert found.tied_share() is None
    else:
        exact = auc([row[0] for row in rows], [row[1] for row in rows])
        assert abs(found.auc().value - exact.value) <= found.tied_share() / 2 + 1e-12


def test_scores_in_one_bin_tell_nothing():
    found = ScoreHistogram.from_scores([0.301, 0.305, 0.309], [0, 0, 1])
    assert found.auc().value == 0.5
    assert found.tied_share() == 1


def test_roc_passes_through_the_exact_curve_at_the_edges_of_the_bins():
    probabilities, labels = trained(400)
    curve = ScoreHistogram.from_scores(probabilities, labels).roc()
    assert (curve.false_positive_rates[0], curve.true_positive_rates[0]) == (0, 0)
    assert (curve.false_positive_rates[-1], curve.true_positive_rates[-1]) == (1, 1)
    for threshold, alarms, hits in zip(
        curve.thresholds, curve.false_positive_rates, curve.true_positive_rates, strict=True
    ):
        assert alarms == pytest.approx((probabilities[~labels] >= threshold).mean())
        assert hits == pytest.approx((probabilities[labels] >= threshold).mean())
    area = np.trapezoid(curve.true_positive_rates, curve.false_positive_rates)
    false, true, _ = roc_curve(labels, probabilities)
    assert area == pytest.approx(np.trapezoid(true, false), abs=0.003)


def test_calibration_table_holds_everybody_once():
    probabilities, labels = trained(500)
    table = ScoreHistogram.from_scores(probabilities, labels).calibration_table()
    assert sum(row.patients for row in table) == 500
    assert sum(row.positives for row in table) == labels.sum()
    for row in table:
        inside = (probabilities >= row.low) & (probabilities < row.high)
        assert row.patients == inside.sum()
        assert row.predicted == pytest.approx(probabilities[inside].mean(), abs=0.01)
        assert row.observed.value == pytest.approx(labels[inside].mean())


def test_recalibration_is_close_to_that_of_the_scores():
    probabilities, labels = trained(2000)
    found = ScoreHistogram.from_scores(probabilities, labels).recalibration()
    exact = calibration(probabilities, labels)
    assert found.slope.value == pytest.approx(exact.slope.value, abs=0.02)
    assert found.in_the_large.value == pytest.approx(exact.in_the_large.value, abs=0.02)


def test_travels_as_plain_lists():
    found = ScoreHistogram.from_scores([0.0, 0.5, 1.0], [0, 1, 1])
    positives, negatives = found.to_lists()
    assert {type(count) for count in positives + negatives} == {int}
    assert ScoreHistogram.from_lists(positives, negatives) == found
    assert (negatives[0], positives[25], positives[49]) == (1, 1, 1)


@pytest.mark.parametrize(("positives", "negatives"), [([1, 2], [1]), ([-1, 2], [0, 0]), ([[1]], [[1]])])
def test_impossible_counts_are_refused(positives, negatives):
    with pytest.raises(ValueError, match="count"):
        ScoreHistogram.from_lists(positives, negatives)


def test_different_bins_do_not_add_up():
    with pytest.raises(ValueError, match="50 and 10 bins"):
        ScoreHistogram.empty() + ScoreHistogram.empty(10)


def test_a_missing_class_has_no_auc_and_no_curve():
    found = ScoreHistogram.from_scores([0.2, 0.3], [0, 0])
    assert (found.auc(), found.roc(), found.recalibration().slope) == (None, None, None)
