"""A site's kit speaks for that site and no other; what is sent twice counts once; what was altered does not count."""

from __future__ import annotations

import base64
import datetime as dt

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.common.constant import TIMESTAMP_HEADER
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2
from flwr.proto.node_pb2 import Node
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER

from fedchemo.client.fleet import session
from fedchemo.client.fleet.parcel import Parcel, pack
from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.members import revoke
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.front import Limits
from fedchemo.shared.errors import FedchemoError
from tests.attacks.callers import ROUTES, Caller
from tests.networked import messages, until

pytestmark = pytest.mark.network
TRAINED = np.arange(3, dtype=np.float32)


@pytest.fixture(scope="module")
def coordinator(fed):
    with Coordinator(fed.path, limits=Limits(hold_s=0.2)) as serving:
        yield serving


@pytest.fixture
def pair(fed, coordinator):
    """A, who attacks, and B, both joined."""
    callers = Caller.of(fed, "A").join(), Caller.of(fed, "B").join()
    yield callers
    for caller in callers:
        caller.session.leave()
    until(lambda: not coordinator.sites())


def answer_to(message: Message) -> Parcel:
    content = RecordDict(
        {"arrays": ArrayRecord({"weights": Array(TRAINED)}), "reply": ConfigRecord({"x": 1})}
    )
    return pack(Message(content, reply_to=message), 0.0)


def pushing(node: Node, parcel: Parcel) -> fleet_pb2.PushMessagesRequest:
    return fleet_pb2.PushMessagesRequest(
        node=node,
        messages_list=[parcel.head],
        message_object_trees=[parcel.tree],
        clientapp_runtime_list=[0.0],
    )


def for_site(grid, node: Node) -> Message:
    return next(one for one in messages(grid, [1.0, 2.0]) if one.metadata.dst_node_id == node.node_id)


def test_no_request_of_a_speaks_for_b(pair, coordinator):
    a, b = pair
    theirs = {
        "activate-node": fleet_pb2.ActivateNodeRequest(
            public_key=b.session._public_key, heartbeat_interval=10
        ),
        "deactivate-node": fleet_pb2.DeactivateNodeRequest(node_id=b.node.node_id),
        "send-node-heartbeat": heartbeat_pb2.SendNodeHeartbeatRequest(node=b.node, heartbeat_interval=10),
        "pull-messages": fleet_pb2.PullMessagesRequest(node=b.node),
        "push-messages": fleet_pb2.PushMessagesRequest(node=b.node),
        "pull-object": message_pb2.PullObjectRequest(node=b.node, run_id=1, object_id="0" * 64),
        "push-object": message_pb2.PushObjectRequest(node=b.node, run_id=1, object_id="0" * 64),
        "confirm-message-received": message_pb2.ConfirmMessageReceivedRequest(
            node=b.node, run_id=1, message_object_id="0" * 64
        ),
    }
    assert set(theirs) == set(ROUTES)
    for route, request in theirs.items():
        assert a.send(route, request)[0] == 401, route
    assert set(coordinator.sites()) == {"A", "B"}, "B is still there"


def test_a_gets_none_of_bs_messages(pair, coordinator):
    a, b = pair
    with coordinator.grid() as grid:
        (to_b,) = grid.push_messages([for_site(grid, b.node)])
        response = fleet_pb2.PullMessagesResponse.FromString(
            a.send("pull-messages", fleet_pb2.PullMessagesRequest(node=a.node))[1]
        )
        assert not response.messages_list
        offer = b.session.poll()
        assert offer is not None
        assert offer.message_id == to_b, "the control: B gets it"


def test_a_gets_no_object_of_b_even_if_it_knows_its_hash(pair, coordinator):
    """A hash cannot be guessed, but an answer of a few bytes can: its hash would confirm the guess."""
    a, b = pair
    with coordinator.grid() as grid:
        grid.push_messages([for_site(grid, b.node)])
        message = b.session.fetch(b.session.poll())
        parcel = answer_to(message)
        b.session.upload(parcel, b.session.announce(parcel))
        for object_id in parcel.objects:
            request = message_pb2.PullObjectRequest(node=a.node, run_id=grid.run.run_id, object_id=object_id)
            status, body = a.send("pull-object", request)
            assert status != 200 or not message_pb2.PullObjectResponse.FromString(body).object_content


def test_a_can_neither_answer_nor_swallow_bs_message(pair, coordinator):
    a, b = pair
    with coordinator.grid() as grid:
        (message_id,) = grid.push_messages([for_site(grid, b.node)])
        message = b.session.fetch(b.session.poll())
        forged = answer_to(message)
        assert a.send("push-messages", pushing(a.node, forged))[0] == 403, "in B's name"
        own = pushing(a.node, forged)
        own.messages_list[0].metadata.src_node_id = a.node.node_id
        a.send("push-messages", own)
        swallow = message_pb2.ConfirmMessageReceivedRequest(
            node=a.node, run_id=grid.run.run_id, message_object_id=message_id
        )
        a.send("confirm-message-received", swallow)
        assert not list(grid.pull_messages([message_id])), "nothing of A's counts as B's answer"
        parcel = answer_to(message)
        assert b.session.upload(parcel, b.session.announce(parcel))
        (reply,) = until(lambda: list(grid.pull_messages([message_id])))
        assert reply.metadata.src_node_id == b.node.node_id
        np.testing.assert_array_equal(reply.content["arrays"]["weights"].numpy(), TRAINED)


def test_a_cannot_push_into_bs_upload(pair, coordinator):
    a, b = pair
    with coordinator.grid() as grid:
        (message_id,) = grid.push_messages([for_site(grid, b.node)])
        message = b.session.fetch(b.session.poll())
        parcel = answer_to(message)
        b.session.announce(parcel)
        for object_id, found in parcel.objects.items():
            request = message_pb2.PushObjectRequest(
                node=a.node,
                run_id=grid.run.run_id,
                session_id="guessed",
                object_id=object_id,
                object_content=found.deflate(),
            )
            status, body = a.send("push-object", request)
            assert status != 200 or not message_pb2.PushObjectResponse.FromString(body).stored
        assert not list(grid.pull_messages([message_id]))


def test_an_answer_that_is_sent_twice_counts_once(pair, coordinator):
    _, b = pair
    with coordinator.grid() as grid:
        (message_id,) = grid.push_messages([for_site(grid, b.node)])
        message = b.session.fetch(b.session.poll())
        parcel = answer_to(message)
        request = pushing(b.node, parcel)
        assert b.send("push-messages", request)[0] == 200
        assert b.send("push-messages", request)[0] == 200, "the same again, as after a lost connection"
        b.session.upload(parcel, b.session.announce(parcel))
        other = answer_to(message)
        other.head.metadata.message_id = "f" * 64
        b.send("push-messages", pushing(b.node, other))
        found = until(lambda: list(grid.pull_messages([message_id])))
        assert len(found) == 1
        b.session.announce(parcel)
        assert not list(grid.pull_messages([message_id])), "and after the answer was taken, it is void"


@pytest.mark.parametrize(
    ("minutes", "status"), [(-6, 401), (1, 401), (0, 200)], ids=["six minutes old", "of the future", "now"]
)
def test_a_request_is_worth_nothing_later(pair, monkeypatch, minutes, status):
    a, _ = pair
    true_time = session.now
    monkeypatch.setattr(session, "now", lambda: true_time() + dt.timedelta(minutes=minutes))
    headers = a.session._headers()
    monkeypatch.undo()
    assert a.send("pull-messages", fleet_pb2.PullMessagesRequest(node=a.node), headers)[0] == status


def altered_headers(a: Caller, b: Caller) -> dict[str, dict[str, str]]:
    good = a.session._headers()
    signature = bytearray(base64.b64decode(good[FLEET_HTTP_SIGNATURE_HEADER]))
    signature[-1] ^= 1
    later = (dt.datetime.fromisoformat(good[TIMESTAMP_HEADER]) + dt.timedelta(seconds=1)).isoformat()
    return {
        "signature": {**good, FLEET_HTTP_SIGNATURE_HEADER: base64.b64encode(signature).decode()},
        "no signature": {name: text for name, text in good.items() if name != FLEET_HTTP_SIGNATURE_HEADER},
        "empty signature": {**good, FLEET_HTTP_SIGNATURE_HEADER: ""},
        "time": {**good, TIMESTAMP_HEADER: later},
        "time without zone": {**good, TIMESTAMP_HEADER: good[TIMESTAMP_HEADER][:19]},
        "no time": {**good, TIMESTAMP_HEADER: "now"},
        "key": {**good, FLEET_HTTP_PUBLIC_KEY_HEADER: b.session._headers()[FLEET_HTTP_PUBLIC_KEY_HEADER]},
        "no key": {**good, FLEET_HTTP_PUBLIC_KEY_HEADER: base64.b64encode(b"-----BEGIN").decode()},
    }


def test_a_request_whose_headers_were_altered_is_refused(pair):
    a, b = pair
    request = fleet_pb2.PullMessagesRequest(node=a.node)
    assert a.send("pull-messages", request, a.session._headers())[0] == 200, "the control"
    for what, headers in altered_headers(a, b).items():
        assert a.send("pull-messages", request, headers)[0] == 401, what


def test_a_body_that_was_altered_is_refused(pair, coordinator):
    """The signature is over the time alone, as Flower has it: TLS keeps the body, and each object names its hash."""
    _, b = pair
    with coordinator.grid() as grid:
        grid.push_messages([for_site(grid, b.node)])
        message = b.session.fetch(b.session.poll())
        parcel = answer_to(message)
        asked = b.session.announce(parcel)
        for object_id in asked.objects_to_push:
            content = bytearray(parcel.objects[object_id].deflate())
            content[-1] ^= 1
            request = message_pb2.PushObjectRequest(
                node=b.node,
                run_id=grid.run.run_id,
                session_id=asked.session_id,
                object_id=object_id,
                object_content=bytes(content),
            )
            assert b.send("push-object", request)[0] == 400
    assert b.send("pull-messages", b"\xff" * 20)[0] == 400


def test_two_clients_on_one_kit_are_told_apart_and_the_second_is_refused(fed, pair, coordinator):
    a, _ = pair
    copied = Caller.of(fed, "A")
    with pytest.raises(FedchemoError, match="FC607"):
        copied.join()
    a.session.beat()
    assert set(coordinator.sites()) == {"A", "B"}, "and the first one stays"


def test_a_revoked_site_is_out_within_seconds_and_what_it_was_asked_is_withdrawn(pair, fed, coordinator):
    """Last in this module: B does not come back."""
    a, b = pair
    again = Caller.of(fed, "B")
    with coordinator.grid() as grid:
        (message_id,) = grid.push_messages([for_site(grid, b.node)])
        revoke(fed, Authority.load(fed, passphrase=lambda *_: None), ["B"])
        until(lambda: set(coordinator.sites()) == {"A"}, seconds=10, what="B is out")
        routes = {
            "pull-messages": fleet_pb2.PullMessagesRequest(node=b.node),
            "send-node-heartbeat": heartbeat_pb2.SendNodeHeartbeatRequest(node=b.node, heartbeat_interval=10),
            "pull-object": message_pb2.PullObjectRequest(node=b.node, run_id=1, object_id="0" * 64),
        }
        for route, request in routes.items():
            assert b.send(route, request)[0] in {401, 403}, route
        with pytest.raises(FedchemoError, match="FC606"):
            again.join()
        (reply,) = until(lambda: list(grid.pull_messages([message_id])), what="B's message is given up")
        assert reply.error.reason in {"FC611", "FC614"}
        assert a.send("pull-messages", fleet_pb2.PullMessagesRequest(node=a.node))[0] == 200
