"""The one function that makes bytes for the coordinator."""

from __future__ import annotations

from contextlib import closing

import pytest
from flwr.proto.error_pb2 import Error
from flwr.proto.fleet_pb2 import ActivateNodeRequest, PullMessagesRequest, PushMessagesRequest
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.proto.message_pb2 import Metadata, ObjectTree, PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.proto.recorddict_pb2 import RecordDict
from flwr.supercore.inflatable.inflatable_object import get_object_id

from fedchemo.client.fleet.outgoing import Outgoing
from fedchemo.client.gate import Account, Gate
from fedchemo.client.ledger import Ledger
from fedchemo.client.ledger.verify import read_lines
from fedchemo.shared.errors import FedchemoError

KEY, NODE = b"public key", Node(node_id=7)
OBJECT = b"ArrayChunk  5\x00bytes"
NAME = get_object_id(OBJECT)
DIGEST = "a" * 64


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger" / "ledger.jsonl", tmp_path / "ledger.head")) as made:
        yield made


@pytest.fixture
def outgoing(ledger):
    return Outgoing(KEY, Gate(ledger))


def push(name=NAME):
    return PushObjectRequest(node=NODE, run_id=1, session_id="abc", object_id=name)


def head(reason="FC904", **metadata):
    tree = ObjectTree(
        object_id=DIGEST, children=[ObjectTree(object_id=DIGEST, children=[ObjectTree(object_id=NAME)])]
    )
    fields = {
        "run_id": 1,
        "message_id": DIGEST,
        "src_node_id": 7,
        "ttl": 3.0,
        "message_type": "train",
        **metadata,
    }
    message = ProtoMessage(metadata=Metadata(**fields), error=Error(code=900, reason=reason))
    return PushMessagesRequest(
        node=NODE, messages_list=[message], message_object_trees=[tree], clientapp_runtime_list=[0.5]
    )


def test_a_request_of_ids_and_times_passes(outgoing):
    request = head()
    assert outgoing.cleared("push-messages", request) == (request.SerializeToString(deterministic=True),)
    outgoing.cleared("activate-node", ActivateNodeRequest(public_key=KEY, heartbeat_interval=10))


@pytest.mark.parametrize(
    ("route", "request_"),
    [
        ("pull-fab", PullMessagesRequest(node=NODE)),
        ("pull-messages", PullMessagesRequest(node=NODE, message_ids=["patient 7"])),
        ("pull-messages", ActivateNodeRequest(public_key=KEY)),
        ("activate-node", ActivateNodeRequest(public_key=b"another key")),
        ("push-messages", head(reason="patient 7 at /data")),
        ("push-messages", head(message_id="patient 7")),
        ("push-messages", head(message_type="x" * 100)),
        ("push-messages", head(group_id="\N{EM DASH}")),
        ("push-messages", head(ttl=float("nan"))),
        ("push-object", PushObjectRequest(node=NODE, object_id=NAME, object_content=OBJECT)),
        ("push-object", PushObjectRequest(node=NODE, object_id=NAME, session_id="/data/patients")),
    ],
)
def test_anything_else_does_not(outgoing, route, request_):
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.cleared(route, request_)


def test_a_head_with_content_in_it_does_not_pass(outgoing):
    request = head()
    request.messages_list[0].content.CopyFrom(RecordDict())
    outgoing.cleared("push-messages", request)  # empty, it says nothing
    item = request.messages_list[0].content.items.add()
    item.key = "patients"
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.cleared("push-messages", request)


def test_an_object_passes_only_when_it_is_written_down(outgoing, ledger):
    content = (OBJECT[:14], memoryview(OBJECT)[14:])
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.cleared("push-object", push(), content)
    outgoing.write_down(Account("first", 1, "a test"), {NAME: content})
    (line,) = read_lines(ledger.path)
    assert (line.kind, line.size, line.sha256) == ("ArrayChunk", len(OBJECT), NAME)
    body = outgoing.cleared("push-object", push(), content)
    assert PushObjectRequest.FromString(b"".join(body)).object_content == OBJECT
    for name, other in ((DIGEST, content), (NAME, (OBJECT + b"more",))):
        with pytest.raises(FedchemoError, match="FC902"):
            outgoing.cleared("push-object", push(name), other)
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.cleared("pull-messages", PullMessagesRequest(node=NODE), content)


def test_what_was_written_down_before_does_not_pass_later(outgoing):
    outgoing.write_down(Account("first", 1, "a test"), {NAME: (OBJECT,)})
    outgoing.write_down(Account("first", 1, "a test"), {})
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.cleared("push-object", push(), (OBJECT,))


def test_nobodys_answer_is_not_written_down(outgoing):
    with pytest.raises(FedchemoError, match="FC902"):
        outgoing.write_down(None, {NAME: (OBJECT,)})


def test_without_a_ledger_not_even_a_sign_of_life_leaves(outgoing, ledger):
    ledger.close()
    with pytest.raises(FedchemoError, match="FC940"):
        outgoing.write_down(Account("first", 1, "a test"), {NAME: (OBJECT,)})
    with pytest.raises(FedchemoError, match="FC940"):
        outgoing.cleared("pull-messages", PullMessagesRequest(node=NODE))
