"""Paired differences over seeds: against DeLong, against a simulation of retraining, and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.delong import auc_estimate, compare_aucs
from fedchemo.simulations.statistics.paired import compare_methods, mean_auc, paired, paired_auc
from fedchemo.simulations.statistics.resampling import ByPatient, BySite
from tests.simulations.statistics.drawn import expit, patients


def retrained(scores, seed: int, *, seeds: int = 3, wobble: float = 0.3):
    """The same model trained with several seeds."""
    noise = numpy_stream(seed, "test", "retrained").normal(size=(seeds, len(scores)))
    return expit(np.log(scores / (1 - scores)) + wobble * noise)


def test_one_seed_is_delongs_test():
    drawn = patients(1)
    found = paired_auc(drawn.scores, drawn.others, drawn.labels)
    assert found.contrast == compare_aucs(drawn.scores, drawn.others, drawn.labels)
    assert found.seed_spread is None
    assert len(found.per_seed) == 1


def test_difference_is_the_mean_over_seeds_and_its_variance_has_two_parts():
    drawn = patients(2)
    first = retrained(drawn.scores, 2)
    found = paired_auc(first, drawn.others, drawn.labels)
    each = [roc_auc_score(drawn.labels, row) - roc_auc_score(drawn.labels, drawn.others) for row in first]
    assert found.per_seed == pytest.approx(each)
    assert found.contrast.estimate.value == pytest.approx(np.mean(each))
    assert found.seed_spread == pytest.approx(np.std(each, ddof=1))
    patients_only = compare_aucs(first, drawn.others, drawn.labels)
    assert found.patients_only.low == pytest.approx(patients_only.estimate.low)
    assert found.contrast.error**2 == pytest.approx(patients_only.error**2 + np.var(each, ddof=1) / 3)
    assert 2 <= found.contrast.freedom <= 401
    assert "3 seeds" in found.contrast.estimate.method


def test_the_same_seed_thrice_adds_nothing():
    drawn = patients(3)
    found = paired_auc(np.stack([drawn.scores] * 3), np.stack([drawn.others] * 3), drawn.labels)
    single = compare_aucs(drawn.scores, drawn.others, drawn.labels)
    assert found.contrast.error == pytest.approx(single.error)
    assert found.seed_spread == pytest.approx(0, abs=1e-15)


def test_bootstrap_of_the_auc_agrees_with_delong_over_seeds():
    drawn = patients(4)
    first, second = retrained(drawn.scores, 4), retrained(drawn.others, 5)
    exact = paired_auc(first, second, drawn.labels)
    found = paired(
        weighted.auc,
        first,
        second,
        drawn.labels,
        resampling=ByPatient(drawn.labels),
        generator=numpy_stream(4, "test"),
    )
    assert found.per_seed == pytest.approx(exact.per_seed)
    assert found.contrast.error == pytest.approx(exact.contrast.error, rel=0.06)
    assert found.patients_only.low == pytest.approx(exact.patients_only.low, abs=0.004)


def test_any_figure_and_whole_sites():
    drawn = patients(5)
    found = paired(
        weighted.brier,
        drawn.scores,
        drawn.others,
        drawn.labels,
        resampling=BySite(drawn.sites),
        generator=numpy_stream(5, "test"),
    )
    expected = brier_score_loss(drawn.labels, drawn.scores) - brier_score_loss(drawn.labels, drawn.others)
    assert found.contrast.estimate.value == pytest.approx(expected)
    assert found.contrast.freedom == len(np.unique(drawn.sites)) - 1
    assert "sites" in found.contrast.estimate.method


def test_patients_may_be_test_patients_of_some_seeds_only():
    drawn = patients(6)
    first, second = (np.stack([scores] * 2) for scores in (drawn.scores, drawn.others))
    first[0, :100] = second[0, :100] = np.nan
    found = paired(
        weighted.auc,
        first,
        second,
        drawn.labels,
        resampling=ByPatient(drawn.labels),
        generator=numpy_stream(6, "test"),
        resamples=300,
    )
    parts = [
        roc_auc_score(drawn.labels[start:], drawn.scores[start:])
        - roc_auc_score(drawn.labels[start:], drawn.others[start:])
        for start in (100, 0)
    ]
    assert found.per_seed == pytest.approx(parts)
    second[0, :100] = 0.5
    with pytest.raises(FedchemoError, match="FC802"):
        paired(
            weighted.auc,
            first,
            second,
            drawn.labels,
            resampling=ByPatient(drawn.labels),
            generator=numpy_stream(6, "test"),
        )


def test_interval_covers_over_patients_and_seeds():
    """200 studies of a method against one like it: both wobble by seed, the true difference is 0."""
    held = 0
    for seed in range(200):
        drawn = patients(seed, n=150)
        stream = numpy_stream(seed, "test", "training")
        # A seed moves the whole model, not each patient alone: one direction a seed, shared by the patients.
        direction = stream.normal(size=(2, 3, 1)) * 0.6 * stream.normal(size=150)
        first, second = expit(np.log(drawn.scores / (1 - drawn.scores)) + direction)
        found = paired_auc(first, second, drawn.labels)
        held += not found.contrast.estimate.interval.excludes(0)
    assert held >= 185


def test_seeds_that_do_not_match_are_refused():
    drawn = patients(7)
    with pytest.raises(FedchemoError, match="FC802"):
        paired_auc(retrained(drawn.scores, 7), retrained(drawn.scores, 7, seeds=2), drawn.labels)


def test_methods_are_compared_pair_by_pair_with_holm():
    drawn = patients(8)
    methods = {"federated": drawn.scores, "local": drawn.others, "chance": np.full(400, 0.5)}
    found = compare_methods(methods, drawn.labels)
    assert [(each.first, each.second) for each in found] == [
        ("federated", "local"),
        ("federated", "chance"),
        ("local", "chance"),
    ]
    assert all(each.p_holm >= each.difference.contrast.p for each in found)
    asked = compare_methods(methods, drawn.labels, pairs=[("local", "federated")])
    assert len(asked) == 1
    assert asked[0].p_holm == asked[0].difference.contrast.p


def test_mean_auc_over_seeds():
    drawn = patients(9)
    first = retrained(drawn.scores, 9)
    found = mean_auc(first, drawn.labels)
    assert found.estimate.value == pytest.approx(np.mean([roc_auc_score(drawn.labels, row) for row in first]))
    assert found.estimate.low < found.estimate.value < found.estimate.high
    assert mean_auc(drawn.scores, drawn.labels).estimate == auc_estimate(drawn.scores, drawn.labels)
    assert mean_auc([0.3, 0.4, 0.5], [0, 0, 1]) is None
