"""Federated statistics equal those of the pooled table, in any order, and withhold small counts."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.clinical.statistics import moments, pool

VALUES = st.one_of(st.floats(-1e3, 1e3, width=32), st.just(float("nan")))
SITES = st.lists(st.lists(st.tuples(VALUES, VALUES), min_size=5, max_size=12), min_size=1, max_size=4)


@given(SITES)
def test_pooled_statistics_equal_those_of_the_whole_table(sites):
    tables = [np.array(rows, dtype=float) for rows in sites]
    pooled = pool(("a", "b"), [moments(table, minimum=1) for table in tables])
    whole = np.concatenate(tables)
    for index in range(2):
        known = whole[~np.isnan(whole[:, index]), index]
        assert pooled.counts[index] == len(known)
        if len(known):
            np.testing.assert_allclose(pooled.means[index], known.mean(), atol=1e-9)
            if known.std() > 1e-3:
                np.testing.assert_allclose(pooled.deviations[index], known.std(), rtol=1e-4)


@given(SITES)
def test_the_order_of_sites_does_not_change_a_bit(sites):
    sent = [moments(np.array(rows, dtype=float), minimum=1) for rows in sites]
    first = pool(("a", "b"), sent)
    assert all(pool(("a", "b"), order) == first for order in itertools.permutations(sent))


def test_a_variable_known_for_too_few_patients_is_withheld():
    table = np.full((10, 2), np.nan)
    table[:4, 0] = 1.0
    table[:5, 1] = 2.0
    withheld, sent = moments(table, minimum=5)
    assert withheld is None
    assert sent is not None
    assert sent.count == 5


def test_a_variable_that_nobody_sends_or_that_never_varies_is_left_as_it_is():
    constant = moments(np.full((9, 1), 1e6), minimum=5)
    assert pool(("a",), [constant]).deviations == (1.0,)
    nobody = pool(("a",), [(None,)])
    assert (nobody.means, nobody.deviations, nobody.counts) == ((0.0,), (1.0,), (0,))
