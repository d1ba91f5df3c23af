"""The best round is chosen among rounds that the same sites scored, and little is remembered to do so."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.server.rounds.selection import MOST_GROUPS, Candidate, Selection
from fedchemo.shared.metrics.summary import ScoreSums


def sums(error: float) -> ScoreSums:
    labels = np.array([0, 1] * 10)
    return ScoreSums.from_scores(np.where(labels == 1, 1 - error, error), labels)


def best(scores):
    selection = Selection()
    return [selection.note(number, scores[number]) for number in sorted(scores)][-1]


def test_least_summed_loss_wins():
    scores = {
        1: {"a": sums(0.3), "b": sums(0.3)},
        2: {"a": sums(0.1), "b": sums(0.3)},
        3: {"a": sums(0.2), "b": sums(0.3)},
    }
    assert best(scores) == 2


def test_a_round_scored_by_other_sites_cannot_win():
    assert (
        best({1: {"a": sums(0.01)}, 2: {"a": sums(0.3), "b": sums(0.3)}, 3: {"a": sums(0.2), "b": sums(0.3)}})
        == 3
    )


def test_the_initial_model_is_no_round():
    assert best({0: {"a": sums(0.01)}, 1: {"a": sums(0.3)}}) == 1


def test_without_scores_the_last_round_is_the_result():
    assert best({4: {}}) == 4
    assert best({1: {"a": sums(0.1)}, 4: {}}) == 4


def test_between_equals_the_earlier_wins():
    assert best({1: {"a": sums(0.2)}, 2: {"a": sums(0.2)}}) == 1


def test_the_best_of_a_group_that_comes_back_is_still_known():
    """Its checkpoint must be kept meanwhile, whoever judged in between."""
    selection = Selection()
    selection.note(1, {"a": sums(0.1), "b": sums(0.1)})
    selection.note(2, {"a": sums(0.3)})
    assert {candidate.round for candidate in selection.candidates} == {1, 2}
    assert selection.note(3, {"a": sums(0.2), "b": sums(0.2)}) == 1


ROUNDS = st.lists(st.tuples(st.sets(st.sampled_from("abcde")), st.sampled_from([0.1, 0.2, 0.3])), max_size=40)


@given(rounds=ROUNDS, at=st.integers(0, 40))
def test_a_selection_that_was_written_down_goes_on_as_if_it_had_not_been(rounds, at):
    whole, cut = Selection(), Selection()
    for number, (judges, error) in enumerate(rounds, start=1):
        if number == at:
            cut = Selection(Candidate.model_validate_json(one.model_dump_json()) for one in cut.candidates)
        scores = {site: sums(error) for site in judges}
        assert whole.note(number, scores) == cut.note(number, scores)
        assert whole.candidates == cut.candidates
        assert len(whole.candidates) <= MOST_GROUPS
