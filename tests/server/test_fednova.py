"""The coordinator's side of FedNova; the whole of it is held against the paper in `tests/simulations/paper`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from flwr.app import ConfigRecord
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategySettings, TrainingSettings
from fedchemo.shared.path import path_length, steps_a_round
from fedchemo.shared.randomness import numpy_stream
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import arrays

SIZE, BATCH = 50, 10
SITES = {"a": 10, "b": 33, "c": 70}
TRAINING = TrainingSettings(batch_size=BATCH, local_epochs=2)


def aggregated(order, *, name="fednova", claimed=1):
    """Return the next model when sites answer in some order, each with the weights of its own stream."""
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    chosen, weights = method(StrategySettings(name=name)), np.ones(SIZE, np.float32)
    list(chosen.strategy.configure_train(1, arrays(weights), ConfigRecord({}), drawn_grid([10])))
    updates = Updates(chosen, SIZE, training=TRAINING, patients=sum(SITES.values()))
    for site in order:
        moved = numpy_stream(0, "tests", site).normal(size=SIZE).astype(np.float32)
        reply = TrainReply(examples=SITES[site], steps=claimed, loss=0.5, seconds=0.1, validation=None)
        updates.add(Answer(site, reply, weights + moved))
    return updates.next_model(1)


def test_the_model_moves_by_the_mean_step_times_the_mean_number_of_steps():
    steps = {"a": 2, "b": 8, "c": 14}
    shares = {site: count / sum(SITES.values()) for site, count in SITES.items()}
    direction = sum(
        share * numpy_stream(0, "tests", site).normal(size=SIZE) for site, share in shares.items()
    )
    length = sum(share * steps[site] for site, share in shares.items())
    np.testing.assert_allclose(aggregated("abc"), 1 + length * direction, atol=1e-4)


@pytest.mark.parametrize("name", ["fednova", "feddyn"])
def test_the_order_of_arrival_does_not_matter(name):
    assert len({aggregated(order, name=name).tobytes() for order in itertools.permutations("abc")}) == 1


def test_a_site_cannot_claim_more_steps():
    assert aggregated("abc", claimed=10**9).tobytes() == aggregated("abc").tobytes()


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_with_momentum_a_step_counts_as_often_as_it_moves_the_weights(rho):
    """Run over gradients of one, momentum goes as far as the formula says."""
    training = TrainingSettings(optimizer="sgd", momentum=rho)
    for steps in (1, 2, 9):
        speed = gone = 0.0
        for _ in range(steps):
            speed = rho * speed + 1.0
            gone += speed
        assert path_length(training, steps) == pytest.approx(gone)
    assert path_length(TrainingSettings(momentum=rho), 9) == 9.0, "AdamW"


def test_the_steps_of_a_round_follow_from_settings_and_patients():
    assert [steps_a_round(TRAINING, patients) for patients in (1, 10, 11)] == [2, 2, 4]
    assert steps_a_round(TrainingSettings(local_steps=7), 1000) == 7
