"""The same work as a plain Flower app: it travels in a FAB, so it imports nothing but flwr and NumPy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

client = ClientApp()
server = ServerApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    """Add a constant of its own to the weights."""
    weights = message.content.array_records["arrays"]["weights"].numpy()
    started = time.perf_counter()
    update = weights + np.float32(1e-3 * (1 + int(context.node_config["partition-id"])))
    content = RecordDict()
    content["arrays"] = ArrayRecord({"weights": Array(update)})
    content["metrics"] = MetricRecord({"num-examples": 20, "seconds": time.perf_counter() - started})
    return Message(content, reply_to=message)


class Clocked(FedAvg):
    """FedAvg that notes each round's seconds beyond the sites' own computing.

    Args:
        sites: how many must take part.
        lanes: sites that compute side by side.
    """

    def __init__(self, sites: int, lanes: int) -> None:
        super().__init__(fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
        self.sites, self.lanes = sites, lanes
        self.seconds: list[float] = []
        self._started = 0.0

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Start the clock."""
        self._started = time.perf_counter()
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Stop the clock."""
        replies = list(replies)
        if (answered := sum(reply.has_content() for reply in replies)) < self.sites:
            msg = f"{answered} of {self.sites} sites answered round {server_round}"
            raise RuntimeError(msg)
        record, metrics = super().aggregate_train(server_round, replies)
        assert metrics is not None
        mean: Any = metrics["seconds"]
        self.seconds.append(time.perf_counter() - self._started - mean * self.sites / self.lanes)
        return record, metrics


def measured(
    grid: Grid, weights: np.ndarray[Any, Any], *, sites: int, rounds: int, lanes: int
) -> list[float]:
    """Run rounds and return the seconds of all but the first, which warms up."""
    strategy = Clocked(sites, lanes)
    strategy.start(grid, ArrayRecord({"weights": Array(weights)}), num_rounds=rounds + 1, timeout=300.0)
    return strategy.seconds[1:]


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds that the run's configuration asks for, and write their seconds to a file."""
    asked: Any = context.run_config
    weights = np.random.default_rng(0).random(int(asked["values"]), dtype=np.float32)
    while len(list(grid.get_node_ids())) < int(asked["sites"]):
        time.sleep(0.1)
    seconds = measured(
        grid,
        weights,
        sites=int(asked["sites"]),
        rounds=int(asked["rounds"]),
        lanes=int(asked["lanes"]),
    )
    part = Path(f"{asked['out']}.part")
    part.write_text(json.dumps(seconds))
    part.rename(str(asked["out"]))
