"""Updates that cannot be used are refused one by one, for sums and for the strategies that keep each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream
from fedchemo.shared.wire.messages import TrainReply


def answer(site, values, examples=10):
    reply = TrainReply(examples=examples, steps=1, loss=0.5, seconds=0.1, validation=None)
    return Answer(site, reply, None if values is None else np.array(values, np.float32))


@pytest.fixture(params=["fedavg", "fedmedian"])
def updates(request):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    return Updates(method(StrategySettings(name=request.param)), 2)


@pytest.mark.parametrize(
    "values", [None, [1.0], [1.0, 2.0, 3.0], [1.0, np.nan], [np.inf, 1.0], [-np.inf, 1.0]]
)
def test_what_cannot_be_used_is_refused_and_leaves_the_rest(updates, values):
    updates.add(answer("a", [1.0, 2.0]))
    with pytest.raises(FedchemoError, match="FC305"):
        updates.add(answer("b", values))
    assert updates.next_model(1).tolist() == [1.0, 2.0]


def test_the_next_model_is_float32(updates):
    updates.add(answer("a", [1.0, 2.0]))
    updates.add(answer("b", [3.0, 4.0]))
    model = updates.next_model(1)
    assert model.dtype == np.float32
    assert model.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("name", ["fedavg", "fedprox"])
def test_what_is_not_asked_would_have_returned_the_mean_to_the_bit(name):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    chosen = method(StrategySettings(name=name))
    assert chosen.is_identity
    values = numpy_stream(0, "tests", "updates").normal(size=(3, 1000)).astype(np.float32)
    models = []
    for asked in (False, True):
        updates = Updates(replace(chosen, is_identity=not asked), 1000)
        for index, update in enumerate(values):
            updates.add(answer(str(index), update, examples=7 + index))
        models.append(updates.next_model(1).tobytes())
    assert models[0] == models[1]
