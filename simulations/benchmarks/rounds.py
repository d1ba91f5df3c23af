"""Rounds through our own exchange and aggregation, as the round loop runs them, by the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Exchanges, SiteGrid
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import Method, method
from fedchemo.shared.configuration import StrategySettings
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import Weights, arrays, config
from fedchemo.simulations.benchmarks.processes import processor_seconds
from fedchemo.simulations.benchmarks.workload import model, request


class Overhead(NamedTuple):
    """What a round takes beyond the sites' own computing: by the clock, and of all cores together."""

    seconds: float
    processor: float


def overheads(grid: SiteGrid, size: str, *, sites: Sequence[str], rounds: int, lanes: int) -> list[Overhead]:
    """Return for each round its seconds beyond the sites' own computing; a first one warms up and is left out.

    Args:
        grid: the way to the sites.
        size: of the model.
        sites: the sites' names; all of them must answer.
        rounds: how many to measure.
        lanes: sites that compute side by side.
    """
    weights, chosen = model(size), method(StrategySettings())
    exchanges = Exchanges(grid, EventLog(), quorum=len(sites), deadline_s=300.0, wait_s=60.0)
    exchanges.wait_for_quorum(sites)
    found = []
    for number in range(rounds + 1):
        spent, started = processor_seconds(), time.perf_counter()
        weights, computing = _round(number, weights, exchanges, chosen, sites)
        seconds = time.perf_counter() - started - computing / lanes
        found.append(Overhead(seconds, processor_seconds() - spent - computing))
    return found[1:]


def _round(
    number: int, weights: Weights, exchanges: Exchanges, chosen: Method, sites: Sequence[str]
) -> tuple[Weights, float]:
    """Return the next model and the seconds that the sites computed."""
    nodes = exchanges.grid.sites()
    messages = chosen.strategy.configure_train(
        number, arrays(weights), config(request(number)), drawn_grid([nodes[site] for site in sites])
    )
    updates, computing = Updates(chosen, len(weights)), 0.0
    for answer in exchanges.send(
        "train", TrainReply, messages, sites, round_number=number, accept=updates.add
    ):
        computing += answer.reply.seconds
    return updates.next_model(number), computing
