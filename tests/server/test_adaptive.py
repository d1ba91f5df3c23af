"""The adaptive strategies in the paper's form follow its algorithm; Flower's differ as we say."""

import numpy as np
import pytest
from flwr.app import ConfigRecord
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.strategy_state import restore, state_of
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategySettings
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import arrays

ETA, BETA_1, BETA_2, TAU, ROUNDS = 0.05, 0.9, 0.99, 1e-2, 4
STEPS = np.random.default_rng(0).normal(size=(ROUNDS, 50)).astype(np.float32)


def strategy(name, form):
    options = {"server_learning_rate": ETA, "beta_1": BETA_1, "beta_2": BETA_2, "tau": TAU}
    return method(StrategySettings(name=name, adaptive_form=form, **options))


def one_round(chosen, number, weights):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    list(chosen.strategy.configure_train(number, arrays(weights), ConfigRecord({}), drawn_grid([10])))
    updates = Updates(chosen, len(weights))
    reply = TrainReply(examples=1, steps=1, loss=0.5, seconds=0.1, validation=None)
    updates.add(Answer("a", reply, weights + STEPS[number - 1]))
    return updates.next_model(number)


def weights_after(chosen, rounds=ROUNDS):
    weights = np.zeros(STEPS.shape[1], np.float32)
    for number in range(1, rounds + 1):
        weights = one_round(chosen, number, weights)
    return weights


def by_algorithm_2(name):
    """Reddi et al. 2021, algorithm 2."""
    weights, momentum = np.zeros(STEPS.shape[1]), np.zeros(STEPS.shape[1])
    second = np.full(STEPS.shape[1], TAU**2)
    for step in STEPS.astype(np.float64):
        momentum = BETA_1 * momentum + (1 - BETA_1) * step
        second = {
            "fedadagrad": second + step**2,
            "fedyogi": second - (1 - BETA_2) * step**2 * np.sign(second - step**2),
            "fedadam": BETA_2 * second + (1 - BETA_2) * step**2,
        }[name]
        weights = weights + ETA * momentum / (np.sqrt(second) + TAU)
    return weights


@pytest.mark.parametrize("name", ["fedadam", "fedyogi", "fedadagrad"])
def test_the_papers_form_is_the_papers_algorithm_and_flowers_is_another(name):
    expected = by_algorithm_2(name)
    np.testing.assert_allclose(weights_after(strategy(name, "paper")), expected, atol=1e-5)
    assert np.abs(weights_after(strategy(name, "flower")) - expected).max() > 1e-3


@pytest.mark.parametrize("name", ["fedadam", "fedyogi", "fedadagrad"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_resumed_strategy_goes_on_to_the_same_bits(name, at):
    whole = strategy(name, "paper")
    weights = weights_after(whole, at)
    resumed = strategy(name, "paper")
    restore(resumed.strategy, state_of(whole.strategy))
    for number in range(at + 1, ROUNDS + 1):
        again = one_round(resumed, number, weights)
        weights = one_round(whole, number, weights)
        assert again.tobytes() == weights.tobytes()
