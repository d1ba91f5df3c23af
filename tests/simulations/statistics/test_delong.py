"""DeLong's covariance against MLstatkit, the definition pair by pair, and Obuchowski's against a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from MLstatkit import Delong_test
from sklearn.metrics import roc_auc_score

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import paired_difference
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.delong import (
    all_equal,
    auc_estimate,
    clustered_auc,
    compare_aucs,
    correlation_of_aucs,
    delong,
)
from fedchemo.simulations.statistics.resampling import BySite, bootstrap, draws
from tests.simulations.statistics.drawn import CALM, arrays, expit, patients, rows


@pytest.mark.parametrize("decimals", [12, 1])
def test_paired_test_equals_mlstatkit(decimals):
    drawn = patients(1, decimals=decimals)
    found = compare_aucs(drawn.scores, drawn.others, drawn.labels)
    z, p, first, second, area, another, _ = Delong_test(drawn.labels, drawn.scores, drawn.others)
    assert found.estimate.value == pytest.approx(area - another, abs=1e-12)
    assert found.estimate.value / found.error == pytest.approx(-z, rel=1e-9)
    assert found.p == pytest.approx(p, rel=1e-8)
    for scores, interval in ((drawn.scores, first), (drawn.others, second)):
        alone = auc_estimate(scores, drawn.labels)
        assert (alone.low, alone.high) == pytest.approx(interval, abs=1e-9)


@CALM
@given(rows)
def test_covariance_is_that_of_its_definition_over_all_pairs(drawn):
    first, second, labels = arrays(drawn)
    values, covariance = delong([first, second], labels)
    beats = [
        (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
        for scores in (first, second)
    ]
    expected = np.cov([each.mean(axis=1) for each in beats]) / labels.sum()
    expected += np.cov([each.mean(axis=0) for each in beats]) / (~labels).sum()
    assert values == pytest.approx([roc_auc_score(labels, each) for each in (first, second)])
    assert covariance == pytest.approx(expected, abs=1e-12)


@CALM
@given(rows, st.randoms(use_true_random=False))
def test_order_of_patients_changes_nothing(drawn, random):
    mixed = list(drawn)
    random.shuffle(mixed)
    one, other = (compare_aucs(*arrays(each)) for each in (drawn, mixed))
    assert (one.estimate.value, one.error) == pytest.approx((other.estimate.value, other.error), abs=1e-12)


@CALM
@given(rows)
def test_swapping_labels_or_models_swaps_the_sign(drawn):
    first, second, labels = arrays(drawn)
    plain = compare_aucs(first, second, labels)
    for swapped in (compare_aucs(first, second, ~labels), compare_aucs(second, first, labels)):
        assert swapped.estimate.value == pytest.approx(-plain.estimate.value, abs=1e-12)
        assert swapped.error == pytest.approx(plain.error, abs=1e-12)
        assert swapped.p == pytest.approx(plain.p, abs=1e-9)


@CALM
@given(rows)
def test_a_monotone_transform_changes_nothing(drawn):
    first, second, labels = arrays(drawn)
    plain, bent = compare_aucs(first, second, labels), compare_aucs(first**3, expit(5 * second), labels)
    assert (plain.estimate.value, plain.error) == pytest.approx((bent.estimate.value, bent.error), abs=1e-12)


def test_equals_the_formula_that_a_site_uses():
    drawn = patients(2)
    found = compare_aucs(drawn.scores, drawn.others, drawn.labels).estimate
    site = paired_difference(drawn.scores, drawn.others, drawn.labels)
    assert (found.value, found.low, found.high) == pytest.approx((site.value, site.low, site.high), abs=1e-12)


def test_mean_over_seeds_has_the_variance_of_the_mean_of_correlated_aucs():
    drawn = patients(3)
    noise = numpy_stream(3, "test", "seeds").normal(size=(4, 400))
    seeds = expit(np.log(drawn.scores / (1 - drawn.scores)) + 0.3 * noise)
    found = compare_aucs(seeds, drawn.others, drawn.labels)
    values, covariance = delong([*seeds, drawn.others], drawn.labels)
    contrast = np.array([0.25] * 4 + [-1])
    assert found.estimate.value == pytest.approx(contrast @ values, abs=1e-12)
    assert found.error**2 == pytest.approx(contrast @ covariance @ contrast, rel=1e-9)


def test_two_models_all_equal_is_the_paired_test():
    drawn = patients(4)
    p = all_equal([drawn.scores, drawn.others], drawn.labels)
    assert p == pytest.approx(compare_aucs(drawn.scores, drawn.others, drawn.labels).p, rel=1e-9)
    assert all_equal([drawn.scores, drawn.scores, drawn.scores], drawn.labels) == 1


def test_each_patient_a_site_of_its_own_is_nearly_delong():
    """With clusters of one the two differ by the small-sample factors alone."""
    drawn = patients(5, n=600)
    plain = auc_estimate(drawn.scores, drawn.labels)
    alone = clustered_auc(drawn.scores, drawn.labels, np.arange(600))
    assert alone.value == pytest.approx(plain.value)
    assert (alone.high - alone.low) == pytest.approx(plain.high - plain.low, rel=0.01)


def alike(seed: int, sites: int = 40, each: int = 12):
    """Sites whose scores are shifted in one direction and whose outcomes follow: patients of a site are alike."""
    stream = numpy_stream(seed, "test", "alike")
    site = np.repeat(np.arange(sites), each)
    common = stream.normal(size=sites)[site]
    labels = stream.random(sites * each) < expit(1.5 * common - 0.5)
    return expit(common + stream.normal(size=sites * each)), labels, site


def test_clustered_interval_agrees_with_the_bootstrap_over_sites_and_is_wider():
    scores, labels, sites = alike(1)
    found = clustered_auc(scores, labels, sites)
    resampled = bootstrap(
        weighted.auc(scores, labels), BySite(sites), generator=numpy_stream(1, "test", "sites")
    )
    assert found.high - found.low == pytest.approx(resampled.high - resampled.low, rel=0.15)
    plain = auc_estimate(scores, labels)
    assert found.high - found.low > 1.3 * (plain.high - plain.low)


def test_clustered_difference_agrees_with_the_bootstrap_over_sites():
    scores, labels, sites = alike(2)
    other = expit(np.log(scores / (1 - scores)) + numpy_stream(2, "test", "noise").normal(size=len(scores)))
    found = compare_aucs(scores, other, labels, sites=sites)
    one, another = weighted.auc(scores, labels), weighted.auc(other, labels)
    resampled = draws(
        lambda counts: one(counts) - another(counts), BySite(sites), generator=numpy_stream(2, "test")
    )
    assert found.error == pytest.approx(resampled.std(), rel=0.15)
    assert found.freedom == 39


def test_clustered_interval_covers():
    """In 200 draws of 40 sites the 95 % interval must hold the true AUC about 190 times; DeLong's does not."""
    truth = np.mean([roc_auc_score(labels, scores) for scores, labels, _ in map(alike, range(1000, 1150))])
    held = plain = 0
    for seed in range(200):
        scores, labels, sites = alike(seed)
        held += not clustered_auc(scores, labels, sites).interval.excludes(truth)
        plain += not auc_estimate(scores, labels).interval.excludes(truth)
    assert 183 <= held <= 198
    assert plain < 175


def test_correlated_models_err_together():
    drawn = patients(6)
    assert correlation_of_aucs(drawn.scores, drawn.scores, drawn.labels) == pytest.approx(1)
    assert 0.5 < correlation_of_aucs(drawn.scores, drawn.others, drawn.labels) < 1


def test_too_few_of_a_class_tell_nothing():
    scores, labels = [0.2, 0.4, 0.9], [0, 0, 1]
    assert compare_aucs(scores, scores, labels) is None
    assert delong(scores, labels) is None
    assert correlation_of_aucs(scores, scores, labels) is None
    drawn = patients(7)
    assert clustered_auc(drawn.scores, drawn.labels, np.zeros(400)) is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(FedchemoError, match="FC801"):
        compare_aucs([0.2, 1.4], [0.2, 0.4], [0, 1])
    with pytest.raises(FedchemoError, match="FC802"):
        compare_aucs([[[0.2, 0.4]]], [0.2, 0.4], [0, 1])
    with pytest.raises(FedchemoError, match="FC802"):
        clustered_auc([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1], ["a", "b"])
