"""Every patient once an epoch, in batches of even size, from a stream of its own."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.training.order import derived_order
from fedchemo.shared.path import steps_an_epoch
from tests.shared.model.made import untouched_generators


def epochs(examples, batch_size, number=2, *, seed=0, site="A", round_number=1):
    order = derived_order(examples, batch_size, seed=seed, site=site, round_number=round_number)
    steps = steps_an_epoch(examples, batch_size)
    return [list(itertools.islice(order, steps)) for _ in range(number)]


@given(st.integers(1, 200), st.integers(1, 40))
def test_each_epoch_visits_everyone_once_in_even_batches(examples, batch_size):
    for epoch in epochs(examples, batch_size):
        assert sorted(itertools.chain(*epoch)) == list(range(examples))
        sizes = {len(rows) for rows in epoch}
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1


def test_epochs_rounds_sites_and_seeds_differ():
    orders = [
        *epochs(40, 8),
        *epochs(40, 8, 1, round_number=2),
        *epochs(40, 8, 1, site="B"),
        *epochs(40, 8, 1, seed=1),
    ]
    assert len({str(order) for order in orders}) == 5


def test_equal_arguments_give_equal_orders_and_move_no_global_generator():
    with untouched_generators():
        assert epochs(40, 8) == epochs(40, 8)
