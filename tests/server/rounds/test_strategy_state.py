"""A strategy that is written down after any round and read back goes on to the same bits."""

from __future__ import annotations

import pickle
from typing import get_args

import numpy as np
import pytest
import safetensors.numpy
from flwr.app import ConfigRecord
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.strategy_state import restore, state_of
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategyName, StrategySettings
from fedchemo.shared.randomness import numpy_stream
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import arrays

STRATEGIES = [
    {"name": "fedavg"},
    {"name": "fedprox"},
    {"name": "fedadam"},
    {"name": "fedyogi"},
    {"name": "fedadagrad"},
    {"name": "fedadam", "adaptive_form": "paper"},
    {"name": "fedyogi", "adaptive_form": "paper"},
    {"name": "fedadagrad", "adaptive_form": "paper"},
    {"name": "fedavgm"},
    {"name": "fedavgm", "server_learning_rate": 0.7, "server_momentum": 0.0},
    {"name": "fedavgm", "server_learning_rate": 0.7, "server_momentum": 0.5},
    {"name": "fedmedian"},
    {"name": "fedtrimmedavg", "trim": 0.34},
    {"name": "krum"},
    {"name": "scaffold", "server_learning_rate": 0.7},
    {"name": "feddyn"},
    {"name": "fednova"},
    {"name": "fedbn"},
    {"name": "ditto"},
    {"name": "cyclic"},
]
SIZE, ROUNDS = 1000, 5
# Set anew at the start of each round from the global model.
GIVEN_AGAIN = {"current_arrays", "_weights"}


def made(settings):
    return method(StrategySettings(**settings))


def one_round(chosen, number, weights):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    list(chosen.strategy.configure_train(number, arrays(weights), ConfigRecord({}), drawn_grid([10, 11, 12])))
    updates = Updates(chosen, SIZE, patients=48)
    for index, site in enumerate("abc"):
        step = numpy_stream(number, "tests", site).normal(size=SIZE * chosen.vectors).astype(np.float32)
        reply = TrainReply(examples=7 + index, steps=1, loss=0.5, seconds=0.1, validation=None)
        updates.add(Answer(site, reply, 0.9 * np.tile(weights, chosen.vectors) + step))
    return updates.next_model(number)


@pytest.mark.parametrize("settings", STRATEGIES, ids=lambda given: "-".join(map(str, given.values())))
@pytest.mark.parametrize("at", range(ROUNDS))
def test_the_next_rounds_have_the_same_bits(settings, at):
    whole = made(settings)
    weights = np.zeros(SIZE, np.float32)
    for number in range(1, at + 1):
        weights = one_round(whole, number, weights)
    resumed = made(settings)
    restore(resumed.strategy, safetensors.numpy.load(safetensors.numpy.save(state_of(whole.strategy))))
    ours = theirs = weights
    for number in range(at + 1, ROUNDS + 1):
        ours, theirs = one_round(whole, number, ours), one_round(resumed, number, theirs)
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("settings", STRATEGIES, ids=lambda given: "-".join(map(str, given.values())))
def test_a_strategy_remembers_nothing_else(settings):
    """A flwr that keeps more from round to round is found here, by the name of the attribute."""
    chosen = made(settings)

    def remembered():
        functions = {"train_metrics_aggr_fn", "evaluate_metrics_aggr_fn"}
        return {
            name: pickle.dumps(value)
            for name, value in vars(chosen.strategy).items()
            if name not in functions
        }

    before = remembered()
    weights = np.zeros(SIZE, np.float32)
    for number in (1, 2):
        weights = one_round(chosen, number, weights)
    after = remembered()
    changed = {name for name in after if after[name] != before.get(name)} - GIVEN_AGAIN
    assert changed == {name.partition("/")[0] for name in state_of(chosen.strategy)}


def test_every_strategy_is_tried_here():
    assert {settings["name"] for settings in STRATEGIES} == set(get_args(StrategyName))


def test_the_state_of_another_strategy_is_refused():
    state = {"m_t/weights": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="FedAvg has no m_t"):
        restore(method(StrategySettings(name="fedavg")).strategy, state)
