"""The coordinator's side of SCAFFOLD."""

import numpy as np
import pytest
from flwr.app import ConfigRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import scaffold
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import CONTROL_VARIATES, arrays, carries_control_variate, read_weights

SIZE = 20
SITES = {"a": 1, "b": 3}
STREAM = np.random.default_rng(0)
REACHED = {site: STREAM.normal(size=SIZE).astype(np.float32) for site in SITES}
PATHS = {site: STREAM.normal(size=SIZE).astype(np.float32) for site in SITES}


def ask(chosen, weights):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    return list(chosen.strategy.configure_train(1, arrays(weights), ConfigRecord({}), drawn_grid([10, 11])))


def answered(chosen, order):
    updates = Updates(chosen, SIZE * chosen.vectors)
    for site in order:
        reply = TrainReply(examples=SITES[site], steps=1, loss=0.5, seconds=0.1, validation=None)
        updates.add(Answer(site, reply, np.concatenate((REACHED[site], PATHS[site]))))
    return updates.next_model(1)


def mean(of):
    return (of["a"] + 3 * of["b"]) / 4


def test_a_request_says_that_the_control_variate_follows_and_begins_with_zeros():
    weights = np.ones(SIZE, np.float32)
    for message in ask(scaffold(), weights):
        assert carries_control_variate(message.content)
        np.testing.assert_array_equal(read_weights(message.content), [*weights, *np.zeros(SIZE)])


@pytest.mark.parametrize(("rate", "participation"), [(1.0, 1.0), (0.5, 0.25)])
def test_weights_and_control_variate_move_by_the_means(rate, participation):
    chosen = scaffold(server_learning_rate=rate, participation=participation)
    weights = np.ones(SIZE, np.float32)
    ask(chosen, weights)
    found = answered(chosen, "ab")
    np.testing.assert_allclose(found, weights + rate * (mean(REACHED) - weights), atol=1e-6)
    [message, _] = ask(chosen, found)
    sent = read_weights(message.content)
    np.testing.assert_allclose(sent[SIZE:], participation * mean(PATHS), atol=1e-6)
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
        Updates(chosen, SIZE * chosen.vectors).add(Answer("a", reply, REACHED["a"]))
    assert caught.value.code == "FC305"


@pytest.mark.parametrize("said", [1, "yes"])
def test_a_request_that_says_it_by_anything_but_true_or_false_is_refused(said):
    content = RecordDict({"config": ConfigRecord({CONTROL_VARIATES: said})})
    with pytest.raises(FedchemoError) as caught:
        carries_control_variate(content)
    assert caught.value.code == "FC304"
