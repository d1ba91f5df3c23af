"""What is measured is real work: the model changes, our sites and the plain Flower app compute the same."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord
from flwr.serverapp.strategy import FedAvg

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.benchmarks import rounds, stock_app
from fedchemo.simulations.benchmarks.__main__ import _chosen
from fedchemo.simulations.benchmarks.workload import model, site_names, virtual_sites
from fedchemo.simulations.engines.local import LocalGrid

SITES = site_names(3)


@pytest.fixture
def grid():
    opened = LocalGrid(virtual_sites(), SITES, workers=1)
    yield opened
    opened.close()


def test_a_round_gives_the_mean_of_what_the_sites_made(grid):
    exchanges = Exchanges(grid, EventLog(), quorum=3, deadline_s=20.0, wait_s=1.0)
    weights, computing = rounds._round(1, model("tiny"), exchanges, method(StrategySettings()), SITES)
    np.testing.assert_allclose(weights, model("tiny") + 2e-3, rtol=1e-6)
    assert computing > 0


def test_each_round_but_the_first_is_measured(grid):
    assert len(rounds.overheads(grid, "tiny", sites=SITES, rounds=2, lanes=1)) == 2


def test_the_plain_flower_app_does_the_same_work():
    def parts(message, context):
        context.node_config["partition-id"] = int(str(context.node_config["site"])[-3:])
        return stock_app.client(message, context)

    opened = LocalGrid(parts, SITES, workers=1)
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=3, min_available_nodes=3)
    result = strategy.start(opened, ArrayRecord({"weights": Array(model("tiny"))}), num_rounds=1)
    np.testing.assert_allclose(result.arrays["weights"].numpy(), model("tiny") + 2e-3, rtol=1e-6)
    assert len(stock_app.measured(opened, model("tiny"), sites=3, rounds=2, lanes=1)) == 2
    opened.close()


def test_models_are_random_so_that_nothing_is_sent_only_once():
    assert len(np.unique(model("3.5 MB"))) > 800_000


def test_parts_are_named_or_refused():
    assert _chosen("stock, local") == ["local", "stock"]
    with pytest.raises(FedchemoError, match="no part nothing"):
        _chosen("nothing")
