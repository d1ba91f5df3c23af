"""The mean over sites against statsmodels, its coverage, and a hospital never seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.power import hanley_mcneil_error
from fedchemo.simulations.statistics.random_effects import (
    auc_over_sites,
    differences_over_sites,
    random_effects,
)
from tests.simulations.statistics.drawn import CALM, patients

studies = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 1)), min_size=2, max_size=15)


@CALM
@given(studies)
def test_equals_statsmodels(drawn):
    values, variances = (np.array(column) for column in zip(*drawn, strict=True))
    theirs = combine_effects(values, variances, method_re="dl", use_t=True)
    found = random_effects(values, variances, n=1)
    assert found.p_differ == pytest.approx(theirs.test_homogeneity().pvalue, abs=1e-6)
    assert found.between**2 == pytest.approx(max(0, theirs.tau2), abs=1e-9)
    # A variance below 0, which statsmodels keeps, is none.
    assume(theirs.tau2 > 1e-6)
    assert found.mean.estimate.value == pytest.approx(theirs.mean_effect_re, abs=1e-7)
    assert found.mean.error == pytest.approx(theirs.sd_eff_w_re_hksj, abs=1e-7)
    low, high = theirs.conf_int()[3]
    assert (found.mean.estimate.low, found.mean.estimate.high) == pytest.approx((low, high), abs=1e-6)
    assert 0 <= found.share <= 1


@CALM
@given(studies, st.randoms(use_true_random=False))
def test_order_of_sites_changes_nothing(drawn, random):
    mixed = list(drawn)
    random.shuffle(mixed)
    one, other = (
        random_effects(*(np.array(column) for column in zip(*each, strict=True)), n=1)
        for each in (drawn, mixed)
    )
    assert one.mean.estimate.value == pytest.approx(other.mean.estimate.value, abs=1e-9)
    assert one.between == pytest.approx(other.between, abs=1e-6)


def test_mean_and_new_site_cover():
    """400 times 10 sites of unequal size around a mean of .3."""
    held = seen = 0
    for seed in range(400):
        stream = numpy_stream(seed, "test", "random effects")
        errors = stream.uniform(0.1, 0.5, size=10)
        truths = stream.normal(0.3, 0.3, size=11)
        found = random_effects(truths[:10] + errors * stream.normal(size=10), errors**2, n=1)
        held += not found.mean.estimate.interval.excludes(0.3)
        seen += not found.new_site.excludes(truths[10])
    assert held >= 0.92 * 400
    assert 0.91 * 400 <= seen <= 0.98 * 400


def test_aucs_of_sites_and_their_mean():
    drawn = patients(1, n=900, sites=8)
    found = auc_over_sites(drawn.scores, drawn.labels, drawn.sites)
    assert set(found.sites) | set(found.withheld) == set(drawn.sites)
    for site, estimate in found.sites.items():
        here = drawn.sites == site
        assert estimate.value == auc(drawn.scores[here], drawn.labels[here]).value
    mean = found.pooled.mean.estimate
    values = [each.value for each in found.sites.values()]
    assert min(values) < mean.low < mean.value < mean.high < max(1, *values)
    assert found.pooled.new_site.low <= mean.low
    assert mean.n == sum(each.n for each in found.sites.values())


def test_small_sites_are_withheld_and_a_perfect_one_counts():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9] * 2 + [0.2, 0.8])
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1])
    sites = np.array(["perfect"] * 10 + ["ordinary"] * 10 + ["small"] * 2)
    found = auc_over_sites(scores, labels, sites)
    assert found.withheld == ("small",)
    assert found.sites["perfect"].value == 1
    assert 0.5 < found.pooled.mean.estimate.value < 1
    assert found.pooled.new_site is None


def test_differences_within_sites():
    drawn = patients(2, n=900, sites=8)
    found = differences_over_sites(drawn.scores, drawn.others, drawn.labels, drawn.sites)
    turned = differences_over_sites(drawn.others, drawn.scores, drawn.labels, drawn.sites)
    assert found.mean.estimate.value == pytest.approx(-turned.mean.estimate.value)
    assert differences_over_sites(drawn.scores, drawn.scores, drawn.labels, drawn.sites) is None


def test_one_site_has_no_mean_and_a_variance_is_above_nothing():
    assert random_effects([0.1], [0.1], n=1) is None
    with pytest.raises(ValueError, match="variance"):
        random_effects([0.1, 0.2], [0.1, 0.0], n=1)
    assert hanley_mcneil_error(1.0, 10, 10) == 0
