"""The coordinator's side of SCAFFOLD."""

import numpy as np
import pytest
from flwr.app import ConfigRecord
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import arrays, read_weights

SIZE = 20
SITES = {"a": 1, "b": 3}
STREAM = np.random.default_rng(0)
REACHED = {site: STREAM.normal(size=SIZE).astype(np.float32) for site in SITES}
PATHS = {site: STREAM.normal(size=SIZE).astype(np.float32) for site in SITES}


def ask(chosen, weights):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    return list(chosen.strategy.configure_train(1, arrays(weights), ConfigRecord({}), drawn_grid([10, 11])))


def scaffold(rate=None):
    return method(StrategySettings(name="scaffold", server_learning_rate=rate))


def answered(chosen, order, patients=4):
    updates = Updates(chosen, SIZE, patients=patients)
    for site in order:
        reply = TrainReply(examples=SITES[site], steps=1, loss=0.5, seconds=0.1, validation=None)
        updates.add(Answer(site, reply, np.concatenate((REACHED[site], PATHS[site]))))
    return updates.next_model(1)


def mean(of):
    return (of["a"] + 3 * of["b"]) / 4


def test_the_control_variate_follows_the_weights_and_begins_with_zeros():
    weights = np.ones(SIZE, np.float32)
    for message in ask(scaffold(), weights):
        np.testing.assert_array_equal(read_weights(message.content), [*weights, *np.zeros(SIZE)])


@pytest.mark.parametrize(("rate", "patients", "share"), [(1.0, 4, 1.0), (0.5, 16, 0.25), (1.0, 0, 1.0)])
def test_weights_and_control_variate_move_by_the_means(rate, patients, share):
    """The control variate moves by the share of all training patients that were behind the round."""
    chosen = scaffold(rate)
    weights = np.ones(SIZE, np.float32)
    ask(chosen, weights)
    found = answered(chosen, "ab", patients)
    np.testing.assert_allclose(found, weights + rate * (mean(REACHED) - weights), atol=1e-6)
    [message, _] = ask(chosen, found)
    sent = read_weights(message.content)
    np.testing.assert_allclose(sent[SIZE:], share * mean(PATHS), atol=1e-6)
    np.testing.assert_array_equal(sent[:SIZE], found)


def test_the_order_of_arrival_does_not_matter():
    found = []
    for order in ("ab", "ba"):
        chosen = scaffold()
        ask(chosen, np.ones(SIZE, np.float32))
        found.append((answered(chosen, order).tobytes(), chosen.strategy.control.tobytes()))
    assert found[0] == found[1]


def test_an_update_without_its_second_vector_is_that_sites_failure():
    chosen = scaffold()
    ask(chosen, np.ones(SIZE, np.float32))
    reply = TrainReply(examples=1, steps=1, loss=0.5, seconds=0.1, validation=None)
    with pytest.raises(FedchemoError) as caught:
        Updates(chosen, SIZE).add(Answer("a", reply, REACHED["a"]))
    assert caught.value.code == "FC305"


def test_the_control_variate_is_the_mean_of_the_sites_own_whoever_takes_part():
    """Three sites of unequal size of which a round sees some: by any other share the steps would end elsewhere."""
    sizes, own = {"a": 1, "b": 3, "c": 6}, {site: np.zeros(SIZE) for site in "abc"}
    chosen, control = scaffold(), np.zeros(SIZE)
    stream = np.random.default_rng(1)
    for drawn in ("ab", "c", "ac", "abc", "b"):
        ask(chosen, np.ones(SIZE, np.float32))
        updates = Updates(chosen, SIZE, patients=sum(sizes.values()))
        renewed = dict(own)
        for site in drawn:
            path = stream.normal(size=SIZE).astype(np.float32)
            reply = TrainReply(examples=sizes[site], steps=1, loss=0.5, seconds=0.1, validation=None)
            updates.add(Answer(site, reply, np.concatenate((REACHED["a"], path))))
            renewed[site] = own[site] - control + path
        updates.next_model(1)
        own, control = renewed, chosen.strategy.control
        np.testing.assert_allclose(control, sum(sizes[site] * own[site] for site in own) / 10, atol=1e-5)
