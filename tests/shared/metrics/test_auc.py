"""The AUC and DeLong's variance against scikit-learn, the definition pair by pair, and a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc, paired_difference
from fedchemo.shared.metrics.interval import Z, bootstrap
from fedchemo.shared.randomness import numpy_stream


def drawn(seed: int, n: int = 300, decimals: int = 12):
    generator = numpy_stream(seed, "test", "auc")
    logits = generator.normal(size=n) - 0.7
    labels = generator.random(n) < 1 / (1 + np.exp(-logits))
    return np.round(1 / (1 + np.exp(-logits)), decimals), labels


patients = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@given(patients)
def test_equals_scikit_learn_with_ties(rows):
    scores = np.array([score for score, _ in rows]) / 20
    labels = np.array([label for _, label in rows])
    found = auc(scores, labels)
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(patients)
def test_turning_scores_around_turns_the_auc_around(rows):
    scores = np.array([score for score, _ in rows]) / 20
    labels = np.array([label for _, label in rows])
    found, turned = auc(scores, labels), auc(1 - scores, labels)
    assert turned.value == pytest.approx(1 - found.value, abs=1e-12)
    assert turned.high - turned.low == pytest.approx(found.high - found.low, abs=1e-9)


@pytest.mark.parametrize("decimals", [12, 1])
def test_delong_variance_equals_its_definition_over_all_pairs(decimals):
    scores, labels = drawn(1, n=80, decimals=decimals)
    beats = (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
    variance = (
        beats.mean(axis=1).var(ddof=1) / labels.sum() + beats.mean(axis=0).var(ddof=1) / (~labels).sum()
    )
    found = auc(scores, labels)
    assert (found.high - found.low) / (2 * Z) == pytest.approx(np.sqrt(variance), rel=1e-10)


def test_delong_interval_agrees_with_the_bootstrap():
    scores, labels = drawn(2)
    found = auc(scores, labels)
    resampled = bootstrap(
        roc_auc_statistic, scores, labels, generator=numpy_stream(2, "test", "bootstrap"), resamples=800
    )
    assert found.low == pytest.approx(resampled.low, abs=0.01)
    assert found.high == pytest.approx(resampled.high, abs=0.01)


def test_difference_of_two_models_agrees_with_the_bootstrap_and_uses_the_pairing():
    first, labels = drawn(3)
    noise = numpy_stream(3, "test", "noise").normal(size=len(first))
    second = np.clip(first + 0.08 * noise, 0, 1)
    found = paired_difference(first, second, labels)
    assert found.value == pytest.approx(
        roc_auc_score(labels, first) - roc_auc_score(labels, second), abs=1e-12
    )

    def difference(indices, outcomes):
        chosen = indices.astype(int)
        return roc_auc_score(outcomes, first[chosen]) - roc_auc_score(outcomes, second[chosen])

    resampled = bootstrap(
        difference,
        np.arange(len(first), dtype=float),
        labels,
        generator=numpy_stream(3, "test", "bootstrap"),
        resamples=800,
    )
    assert found.low == pytest.approx(resampled.low, abs=0.006)
    assert found.high == pytest.approx(resampled.high, abs=0.006)
    # Unpaired, the interval would be several times as wide.
    assert found.high - found.low < 0.5 * (auc(first, labels).high - auc(first, labels).low)


def test_variance_of_a_difference_equals_its_definition_over_all_pairs():
    first, labels = drawn(7, n=40, decimals=1)
    second = drawn(8, n=40)[0]
    beats = [
        (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
        for scores in (first, second)
    ]
    gained = beats[0] - beats[1]
    variance = (
        gained.mean(axis=1).var(ddof=1) / labels.sum() + gained.mean(axis=0).var(ddof=1) / (~labels).sum()
    )
    found = paired_difference(first, second, labels)
    assert (found.high - found.low) / (2 * Z) == pytest.approx(np.sqrt(variance), rel=1e-10)


def test_swapping_the_models_swaps_the_difference():
    first, labels = drawn(4)
    second = drawn(5)[0]
    forth, back = paired_difference(first, second, labels), paired_difference(second, first, labels)
    assert (forth.value, forth.low, forth.high) == pytest.approx(
        (-back.value, -back.high, -back.low), abs=1e-12
    )


def test_same_predictions_differ_by_nothing():
    scores, labels = drawn(6)
    found = paired_difference(scores, scores, labels)
    assert (found.value, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_or_nobody_has_no_auc(labels):
    scores = [0.1, 0.5, 0.9][: len(labels)]
    assert auc(scores, labels) is None
    assert paired_difference(scores, scores, labels) is None


def test_perfect_separation_of_few_is_not_certainty():
    few, many = (auc([0.9] * n + [0.1] * n, [1] * n + [0] * n) for n in (3, 100))
    assert few.value == many.value == few.high == 1
    assert few.low < 0.6
    assert 0.95 < many.low < 1


def test_one_patient_of_a_class_has_a_wide_interval():
    found = auc([0.7, 0.1, 0.2, 0.8], [1, 0, 0, 0])
    assert found.value == pytest.approx(2 / 3)
    assert found.high - found.low > 0.5
    assert paired_difference([0.7, 0.1, 0.2, 0.8], [0.1, 0.7, 0.2, 0.8], [1, 0, 0, 0]) is None


def test_newcombe_edges_lie_exactly_1_96_standard_errors_away():
    """Against the equation of method 5 itself, for 10 and 20 patients perfectly separated."""
    low = auc([0.9] * 10 + [0.1] * 20, [1] * 10 + [0] * 20).low
    variance = low * (1 - low) * (1 + (15 - 1) * ((1 - low) / (2 - low) + low / (1 + low))) / 200
    assert (1 - low) / np.sqrt(variance) == pytest.approx(Z, abs=1e-6)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_probability_is_refused(score):
    with pytest.raises(FedchemoError) as caught:
        auc([0.5, score], [0, 1])
    assert caught.value.code == "FC801"


@pytest.mark.parametrize("labels", [[0, 2], [0, float("nan")], [0], [[0, 1]]])
def test_what_is_no_outcome_is_refused(labels):
    with pytest.raises(FedchemoError) as caught:
        auc([0.5, 0.6], labels)
    assert caught.value.code == "FC802"


def roc_auc_statistic(scores, labels):
    return float(roc_auc_score(labels, scores))
