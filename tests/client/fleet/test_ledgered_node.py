"""A node with a ledger against a real coordinator: nothing leaves that is not written down."""

from __future__ import annotations

import os
import threading
from contextlib import closing

import numpy as np
import pytest

from fedchemo.client.fleet import node as nodes
from fedchemo.client.fleet.node import HospitalNode
from fedchemo.client.gate import Gate, release
from fedchemo.client.ledger import Ledger
from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.client.policy import Policy
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import read_weights
from tests.networked import Events, by_site, federation, kit_of, messages, until

from flwr.app import ConfigRecord, Error, Message, RecordDict  # isort: skip - silenced by then

WEIGHTS = np.arange(1000, dtype=np.float32)
TRAINED = TrainReply(examples=20, steps=3, loss=0.5, seconds=1.0, validation=None)


def honest(message, context):
    received = read_weights(message.content)
    content = release(TRAINED, received + np.float32(0.01), received=received, policy=Policy())
    return Message(content, reply_to=message)


def around_the_gate(message, context):
    """An app that does not care for the gate."""
    return Message(RecordDict({"reply": ConfigRecord({"patients": "A-001, A-002"})}), reply_to=message)


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger" / "ledger.jsonl", tmp_path / "ledger.head")) as made:
        yield made


@pytest.fixture
def run(tmp_path, ledger):
    """Run a node while a coordinator asks it; yields the grid, the node's events and how it ended."""
    fed = federation(tmp_path / "fed", sites=("A",))

    def start(app, ask):
        events, ended = Events(), []
        node = HospitalNode(kit_of(fed, "A"), app, on_event=events, gate=Gate(ledger))

        def serve():
            try:
                node.run()
            except FedchemoError as error:
                ended.append(error.code)

        thread = threading.Thread(target=serve, daemon=True)
        with Coordinator(fed.path) as coordinator:
            thread.start()
            with coordinator.grid() as grid:
                until(grid.sites, what="the site online")
                result = ask(grid)
            node.stop()
            thread.join(timeout=20)
        assert not thread.is_alive()
        return result, events, ended

    return start


def ask_once(grid):
    return by_site(grid, grid.replies(messages(grid, WEIGHTS), timeout=30))


def test_an_honest_answer_passes_and_is_written_down(run, ledger):
    answers, _, ended = run(honest, ask_once)
    np.testing.assert_array_equal(answers["A"], WEIGHTS + np.float32(0.01))
    lines = [line for line in read_lines(ledger.path) if line.event == "sent"]
    assert {line.kind for line in lines} == {
        "Message",
        "RecordDict",
        "ConfigRecord",
        "MetricRecord",
        "ArrayRecord",
        "Array",
        "ArrayChunk",
    }
    assert not ended


def test_an_answer_around_the_gate_does_not_leave(run, ledger):
    answers, events, _ = run(around_the_gate, ask_once)
    assert answers == {"A": "FC902"}
    assert all("FC902" in line.words for line in read_lines(ledger.path) if line.event == "sent")
    assert events.of("failed")[0]["code"] == "FC902"


def test_without_a_ledger_nothing_leaves_and_the_node_ends(run, ledger):
    """As when the disk has filled up since the last line: the system refuses to write."""

    def ask_with_the_disk_full(grid):
        read_only = os.open(ledger.path, os.O_RDONLY)
        os.close(ledger._file)
        ledger._file = read_only
        return by_site(grid, grid.replies(messages(grid, WEIGHTS), timeout=4))

    answers, events, ended = run(honest, ask_with_the_disk_full)
    assert ended == ["FC940"], "it says why, and does not go on"
    assert answers in ({}, {"A": "FC611"}), "nothing has arrived, not even an error"
    assert not [line for line in read_lines(ledger.path) if line.event == "sent"]
    assert not events.of("replied")


def test_whoever_asks_in_vain_again_and_again_is_heard_less_and_less(monkeypatch, tmp_path):
    fed = federation(tmp_path / "fed", sites=("A",))
    node = HospitalNode(kit_of(fed, "A"), honest, on_event=Events())
    waited = []
    monkeypatch.setattr(node._stopping, "wait", waited.append)
    for _ in range(nodes.ERRORS_AT_ONCE):
        node._slow_down(True)
    assert not waited, "a few failures are nothing"
    for _ in range(20):
        node._slow_down(True)
    assert waited == sorted(waited)
    assert waited[-1] == nodes.LONGEST_WAIT_S
    node._slow_down(False)
    node._slow_down(True)
    assert len(waited) == 20, "one good answer and all is forgotten"


def test_an_error_of_the_app_keeps_its_reason_at_home(run, ledger):
    def fails(message, context):
        return Message(Error(900, "patient 7 in /data/private"), reply_to=message)

    answers, _, _ = run(fails, ask_once)
    assert answers == {"A": "FC990"}
    assert b"patient 7" not in ledger.path.read_bytes()
    assert not verify(ledger.path, ledger.path.parent.parent / "ledger.head").problems
