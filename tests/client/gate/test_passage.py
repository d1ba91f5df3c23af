"""Whole replies are looked at once more, and each object is in the ledger before it leaves."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.client.gate import Gate, Part, release
from fedchemo.client.ledger import Ledger
from fedchemo.client.ledger.verify import read_lines
from fedchemo.client.policy import Policy
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import EvaluateReply, StatisticsRequest, TrainReply
from fedchemo.shared.wire.records import config

UPDATE = np.arange(4, dtype=np.float32)
TRAINED = TrainReply(examples=20, steps=3, loss=0.5, seconds=1.0, validation=None)


@pytest.fixture(autouse=True)
def _identity():
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger" / "ledger.jsonl", tmp_path / "ledger.head")) as made:
        yield made


@pytest.fixture
def gate(ledger):
    return Gate(ledger)


def asked(kind="train", record=None):
    request = StatisticsRequest(run="first", round=3, fingerprint="0" * 64, configuration=SiteConfiguration())
    message = Message(
        RecordDict({"config": config(request) if record is None else record}),
        dst_node_id=1,
        message_type=kind,
    )
    message.metadata.__dict__["_message_id"] = "1"
    return message


def trained(**more):
    content = release(TRAINED, UPDATE, received=np.zeros(4, np.float32), policy=Policy())
    for name, record in more.items():
        content[name] = record
    return content


def test_the_account_says_who_asked_and_what_leaves(gate):
    account = gate.examine(asked(), Message(trained(), reply_to=asked()))
    assert (account.run, account.round) == ("first", 3)
    assert "training on 20 patients" in account.words
    assert "update of 4 weights" in account.words


def test_an_error_leaves_as_a_number(gate):
    message = asked()
    account = gate.examine(message, Message(Error(900, "FC904"), reply_to=message))
    assert "FC904 (Run not approved)" in account.words
    with pytest.raises(FedchemoError, match="FC902"):
        gate.examine(message, Message(Error(900, "patient 7 at /data"), reply_to=message))


@pytest.mark.parametrize(
    "content",
    [
        trained(extra=ConfigRecord({"patients": "a, b"})),
        trained(metrics=MetricRecord({"num-examples": 20, "age": 57.0})),
        trained(metrics=MetricRecord({"num-examples": 21})),
        trained(arrays=ArrayRecord({"weights": Array(UPDATE), "images": Array(UPDATE)})),
        trained(arrays=ArrayRecord({"weights": Array(UPDATE.astype(np.float64))})),
        trained(reply=ConfigRecord({"reply": TRAINED.model_dump_json(), "note": "x"})),
        trained(reply=ConfigRecord({"reply": TRAINED.model_dump_json()[:-1] + ',"patients":["a"]}'})),
        release(EvaluateReply(scores=None), policy=Policy()),
        RecordDict(),
    ],
)
def test_a_reply_with_anything_beside_its_schema_does_not_leave(gate, content):
    message = asked()
    with pytest.raises(FedchemoError, match="FC902"):
        gate.examine(message, Message(content, reply_to=message))


def test_a_reply_to_an_unknown_kind_does_not_leave(gate):
    message = asked("query.patients")
    with pytest.raises(FedchemoError, match="FC902"):
        gate.examine(message, Message(trained(), reply_to=message))


@pytest.mark.parametrize(
    "record",
    [
        ConfigRecord({"request": "{"}),
        ConfigRecord({"request": '{"run": "\\u001b[2J", "round": -1}'}),
        ConfigRecord({"request": '["run"]'}),
        ConfigRecord({"request": 3}),
        ConfigRecord({}),
    ],
)
def test_a_request_that_cannot_be_read_has_an_account_without_a_run(gate, record):
    message = asked(record=record)
    account = gate.examine(message, Message(Error(900, "FC304"), reply_to=message))
    assert (account.run, account.round) == ("", None)


def test_each_object_is_a_line(gate, ledger):
    message = asked()
    account = gate.examine(message, Message(trained(), reply_to=message))
    gate.pass_out(account, [Part("Message", 10, "a" * 64), Part("ArrayChunk", 20, "b" * 64)])
    lines = list(read_lines(ledger.path))
    assert [(line.event, line.run, line.round, line.kind, line.size) for line in lines] == [
        ("sent", "first", 3, "Message", 10),
        ("sent", "first", 3, "ArrayChunk", 20),
    ]
    assert "piece 1 of 1" in lines[1].words


def test_an_object_of_another_kind_does_not_leave(gate, ledger):
    account = gate.examine(asked(), Message(trained(), reply_to=asked()))
    with pytest.raises(FedchemoError, match="FC902"):
        gate.pass_out(account, [Part("Secret", 10, "a" * 64)])
    assert not list(read_lines(ledger.path))


def test_nothing_leaves_once_the_ledger_is_closed(gate, ledger):
    ledger.close()
    with pytest.raises(FedchemoError, match="FC940"):
        gate.check_ledger()
