"""The best round is chosen among rounds that the same sites scored."""

from __future__ import annotations

import numpy as np

from fedchemo.server.rounds.selection import best_round
from fedchemo.shared.metrics.summary import ScoreSums


def sums(error: float) -> ScoreSums:
    labels = np.array([0, 1] * 10)
    return ScoreSums.from_scores(np.where(labels == 1, 1 - error, error), labels)


def test_least_summed_loss_wins():
    scores = {
        1: {"a": sums(0.3), "b": sums(0.3)},
        2: {"a": sums(0.1), "b": sums(0.3)},
        3: {"a": sums(0.2), "b": sums(0.3)},
    }
    assert best_round(scores, last=3) == 2


def test_a_round_scored_by_other_sites_cannot_win():
    scores = {1: {"a": sums(0.01)}, 2: {"a": sums(0.3), "b": sums(0.3)}, 3: {"a": sums(0.2), "b": sums(0.3)}}
    assert best_round(scores, last=3) == 3


def test_the_initial_model_is_no_round():
    assert best_round({0: {"a": sums(0.01)}, 1: {"a": sums(0.3)}}, last=1) == 1


def test_without_scores_the_last_round_is_the_result():
    assert best_round({}, last=4) == 4
    assert best_round({1: {"a": sums(0.1)}, 4: {}}, last=4) == 4


def test_between_equals_the_earlier_wins():
    assert best_round({1: {"a": sums(0.2)}, 2: {"a": sums(0.2)}}, last=2) == 1
