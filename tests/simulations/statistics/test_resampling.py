"""The bootstrap keeps what it must keep, repeats with its seed, and covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.delong import auc_estimate
from fedchemo.simulations.statistics.resampling import ByPatient, BySite, bootstrap, percentile
from tests.simulations.statistics.drawn import CALM, patients


@CALM
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 1000))
def test_each_stratum_keeps_its_size(strata, seed):
    names = np.array(strata)
    counts = ByPatient(names).draw(numpy_stream(seed, "test"), 7)
    assert counts.shape == (7, len(names))
    for name in set(strata):
        assert (counts[:, names == name].sum(axis=1) == (names == name).sum()).all()


@CALM
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 1000))
def test_a_site_is_drawn_whole_and_as_many_sites_as_there_are(sites, seed):
    names = np.array(sites)
    counts = BySite(names).draw(numpy_stream(seed, "test"), 7)
    firsts = []
    for name in set(sites):
        of_site = counts[:, names == name]
        assert (of_site == of_site[:, :1]).all()
        firsts.append(of_site[:, 0])
    assert (np.sum(firsts, axis=0) == len(set(sites))).all()


def test_same_seed_same_interval_other_seed_another():
    drawn = patients(1)

    def interval(seed):
        return bootstrap(
            weighted.auc(drawn.scores, drawn.labels),
            ByPatient(drawn.labels),
            generator=numpy_stream(seed, "test"),
            resamples=300,
        )

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_auc_interval_is_delongs():
    drawn = patients(2)
    found = bootstrap(
        weighted.auc(drawn.scores, drawn.labels), ByPatient(drawn.labels), generator=numpy_stream(2, "test")
    )
    exact = auc_estimate(drawn.scores, drawn.labels)
    assert found.value == pytest.approx(exact.value)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.007)
    assert found.n == 400
    assert "patients" in found.method


def test_unstratified_mean_agrees_with_scipy():
    drawn = patients(3)
    errors = (drawn.scores - drawn.labels) ** 2
    theirs = stats.bootstrap(
        (errors,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    ours = bootstrap(
        weighted.brier(drawn.scores, drawn.labels),
        ByPatient(np.zeros(400)),
        generator=numpy_stream(3, "test"),
        resamples=4000,
    )
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.002)


def test_ninety_five_per_cent_intervals_cover():
    """Brier score of 200 studies of 150 patients; its true value is known from a hundred thousand."""
    large = patients(0, n=100_000, sites=1)
    truth = float(np.mean((large.scores - large.labels) ** 2))
    held = 0
    for seed in range(200):
        # One site, so that no site's own effect moves the truth.
        logits_of_many = numpy_stream(seed, "test", "coverage").choice(100_000, size=150)
        scores, labels = large.scores[logits_of_many], large.labels[logits_of_many]
        found = bootstrap(
            weighted.brier(scores, labels),
            ByPatient(np.zeros(150)),
            generator=numpy_stream(seed, "test", "resamples"),
            resamples=500,
        )
        held += not found.interval.excludes(truth)
    assert 181 <= held <= 198


def test_a_figure_that_is_often_undefined_has_no_interval():
    assert percentile(0.5, np.array([0.4] * 94 + [np.nan] * 6)) is None
    assert percentile(0.5, np.array([0.4] * 95 + [np.nan] * 5)).low == 0.4
    assert percentile(float("nan"), np.array([0.4] * 100)) is None
