"""Sites' sums merge to the pooled figures; what is impossible or about too few is held back."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fedchemo.shared.metrics.loss import log_loss
from fedchemo.shared.metrics.summary import ScoreSums, merge
from fedchemo.shared.randomness import numpy_stream

scored = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30)


def sums(rows) -> ScoreSums:
    return ScoreSums.from_scores([row[0] for row in rows], [row[1] for row in rows])


@given(st.lists(scored, min_size=1, max_size=4))
def test_merged_in_any_order_the_sums_are_the_same_bits_and_those_of_the_pooled_patients(sites):
    parts = [sums(site) for site in sites]
    merged = merge(parts)
    for order in itertools.permutations(parts):
        assert merge(order) == merged
    pooled = sums(list(itertools.chain(*sites)))
    assert (merged.n, merged.n_pos, merged.histogram) == (pooled.n, pooled.n_pos, pooled.histogram)
    assert merged.loss_sum == pytest.approx(pooled.loss_sum)
    assert merged.loss_squares == pytest.approx(pooled.loss_squares)


@given(scored)
def test_sums_of_real_patients_are_possible_and_survive_the_wire(rows):
    found = sums(rows)
    assert ScoreSums.model_validate_json(found.model_dump_json()) == found


def test_figures_are_those_of_the_pooled_patients():
    generator = numpy_stream(0, "test", "summary")
    scores = generator.random(400)
    labels = generator.random(400) < scores
    merged = merge(ScoreSums.from_scores(scores[part], labels[part]) for part in np.split(np.arange(400), 4))
    exact = log_loss(scores, labels)
    found = merged.log_loss()
    assert (found.value, found.low, found.high) == pytest.approx((exact.value, exact.low, exact.high))
    assert merged.auc().low < merged.auc().value < merged.auc().high


@pytest.mark.parametrize(("positives", "negatives"), [(4, 100), (100, 4), (0, 0)])
def test_too_few_of_a_class_are_held_back(positives, negatives):
    scores = np.full(positives + negatives, 0.5)
    found = ScoreSums.from_scores(scores, np.arange(len(scores)) < positives)
    assert found.suppressed() is None
    assert found.suppressed(minimum_per_class=0) is found


def test_enough_of_both_classes_may_leave():
    found = ScoreSums.from_scores(np.full(10, 0.5), np.arange(10) < 5)
    assert found.suppressed() is found
    assert found.suppressed(minimum_per_class=6) is None


def test_no_site_has_no_sums():
    assert merge([]) is None


HONEST = ScoreSums.from_scores([0.2, 0.4, 0.6, 0.9], [0, 1, 0, 1], bins=4).model_dump(mode="json")


@pytest.mark.parametrize(
    "change",
    [
        {"n": 5},
        {"n_pos": 3},
        {"positives": [2]},
        {"positives": [-1, 1, 1, 1]},
        {"positives": [1, 1, 0, 0, 0]},
        {"loss_sum": -0.1},
        {"loss_sum": float("nan")},
        {"loss_sum": float("inf")},
        {"loss_sum": 1e6},
        {"loss_squares": 0.0},
        {"loss_squares": 1e6},
        {"patients": ["a"]},
    ],
    ids=str,
)
def test_sums_that_no_patients_can_have_are_refused(change):
    assert ScoreSums.model_validate_json(json.dumps(HONEST))
    with pytest.raises(ValidationError):
        ScoreSums.model_validate_json(json.dumps(HONEST | change))
