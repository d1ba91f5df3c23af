"""The local grid: Flower's own strategies run on it, sites are isolated, and memory does not grow."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg

from fedchemo.simulations.engines.local import LocalGrid
from tests.networked import until


def app(train):
    made = ClientApp()
    made.train()(train)
    return made


def add_one(message: Message, context: Context) -> Message:
    weights = message.content["arrays"]["w"].numpy() + np.float32(1)
    content = RecordDict(
        {
            "arrays": ArrayRecord({"w": Array(weights)}),
            "metrics": MetricRecord({"num-examples": 1}),
        }
    )
    return Message(content, reply_to=message)


def messages(grid, size=3):
    content = RecordDict(
        {"arrays": ArrayRecord({"w": Array(np.zeros(size, np.float32))}), "config": ConfigRecord({})}
    )
    return [Message(content, dst_node_id=node, message_type="train") for node in grid.sites().values()]


@pytest.fixture
def grid_of():
    grids = []

    def make(train, names=("b", "a", "c"), **options):
        grids.append(LocalGrid(app(train), names, **options))
        return grids[-1]

    yield make
    for grid in grids:
        grid.close()


def test_a_stock_flower_strategy_runs_on_it(grid_of):
    grid = grid_of(add_one)
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=3, min_available_nodes=3)
    result = strategy.start(grid, ArrayRecord({"w": Array(np.zeros(4, np.float32))}), num_rounds=2)
    assert result.arrays["w"].numpy().tolist() == [2, 2, 2, 2]


def test_push_and_pull(grid_of):
    grid = grid_of(add_one)
    ids = list(grid.push_messages(messages(grid)))
    got = []
    while len(got) < 3:
        got.extend(grid.pull_messages(ids))
    assert {reply.metadata.reply_to_message_id for reply in got} == set(ids)


def test_each_site_is_asked_as_itself(grid_of):
    seen = {}

    def note(message, context):
        seen[context.node_config["site"]] = context.node_id
        return add_one(message, context)

    grid = grid_of(note)
    list(grid.replies(messages(grid)))
    assert seen == grid.sites()
    assert [site for site, _ in sorted(seen.items(), key=lambda item: item[1])] == ["a", "b", "c"]


def test_a_site_that_changes_its_message_does_not_change_anothers(grid_of):
    def greedy(message, context):
        reply = add_one(message, context)
        message.content["config"]["left"] = 1
        message.content["arrays"].pop("w")
        return reply

    grid = grid_of(greedy, workers=1)
    assert len([reply for reply in grid.replies(messages(grid)) if reply.has_content()]) == 3


def test_a_failing_site_fails_alone_and_says_no_more_than_the_type(grid_of):
    def fail(message, context):
        if context.node_config["site"] == "b":
            raise ValueError("patient 7 in /home/data")
        return add_one(message, context)

    grid = grid_of(fail)
    replies = list(grid.replies(messages(grid)))
    errors = [reply.error.reason for reply in replies if reply.has_error()]
    assert len(replies) == 3
    assert errors == ["ValueError"]


def test_only_a_few_replies_exist_at_a_time(grid_of):
    """Sites wait while the round loop is busy, so two hundred of them need no more memory than two."""
    alive, most, lock = 0, 0, threading.Lock()

    def count(message, context):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return add_one(message, context)

    grid = grid_of(count, names=[f"s{index:03d}" for index in range(200)], workers=2)
    for _ in grid.replies(messages(grid)):
        with lock:
            alive -= 1
    assert most <= 4, "two that are being used or wait for it, and two that compute"


def test_a_timeout_ends_the_wait(grid_of):
    release = threading.Event()

    def hang(message, context):
        release.wait(20)
        return add_one(message, context)

    grid = grid_of(hang)
    assert list(grid.replies(messages(grid), timeout=0.05)) == []
    assert list(grid.replies(messages(grid), timeout=20, go_on=lambda: False)) == [], (
        "nor does it outlast this"
    )
    assert grid.late() == {}
    release.set()
    came = {}
    until(
        lambda: came.update(grid.late()) or came, seconds=20, what="late replies are noted, and nothing else"
    )
