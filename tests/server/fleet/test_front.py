"""What the coordinator's one port lets through, tried from outside over TLS with a genuine session's tools."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import http.client
import socket
import ssl

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.proto import fab_pb2, fleet_pb2, heartbeat_pb2, message_pb2, run_pb2
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import get_object_tree
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_TYPES

from fedchemo.client.fleet import session
from fedchemo.client.fleet.parcel import pack
from fedchemo.client.fleet.session import FleetSession
from fedchemo.client.fleet.transport import trusting
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.front import Limits
from fedchemo.shared.errors import FedchemoError
from tests.networked import federation, kit_of, messages

pytestmark = pytest.mark.network
OFFERED = {
    "activate-node",
    "deactivate-node",
    "send-node-heartbeat",
    "pull-messages",
    "push-messages",
    "pull-object",
    "push-object",
    "confirm-message-received",
}


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A", "B"))


@pytest.fixture
def coordinator(fed):
    with Coordinator(fed.path, limits=Limits(body_bytes=1 << 20, body_s=1.0, hold_s=0.1)) as serving:
        yield serving


class Caller:
    """A site that says what it likes, and signs it with its own key."""

    def __init__(self, fed, site: str) -> None:
        self.session = FleetSession(kit_of(fed, site), heartbeat=10)

    def join(self) -> Node:
        return Node(node_id=self.session.activate())

    def status(self, route: str, request) -> int:
        headers = self.session._headers()
        return self.session._work.post(
            f"/v1/fleet/{route}", headers, (request.SerializeToString(),), timeout=20
        ).status


def plain(fed, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None):
    """Send a request with the authority's certificate and nothing else."""
    kit = kit_of(fed, "A")
    connection = http.client.HTTPSConnection(
        kit.host, kit.port, context=trusting(kit.ca_certificate), timeout=20
    )
    try:
        connection.request(method, path, body, headers or {"content-type": "application/protobuf"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_every_other_route_of_flower_does_not_exist(fed, coordinator):
    paths = {path for _, path in PROTOBUF_REQUEST_TYPES} - {f"/v1/fleet/{name}" for name in OFFERED}
    assert any("/control/" in path for path in paths)
    assert any("/runtime/" in path for path in paths)
    assert "/v1/fleet/get-fab" in paths
    for path in sorted(
        paths | {"/", "/docs", "/openapi.json", "/v1/fleet/", "/v1/fleet/../control/start-run"}
    ):
        assert plain(fed, "POST", path) == (404, b""), path
        assert plain(fed, "GET", path) == (404, b""), path
    assert plain(fed, "GET", "/health") == (200, b"ok\n")
    assert plain(fed, "GET", "/v1/fleet/pull-messages")[0] == 404


def test_with_an_own_key_a_site_of_the_roster_gets_no_other_route_either(fed, coordinator):
    caller = Caller(fed, "A")
    caller.join()
    for route, request in (
        ("register-node", fleet_pb2.RegisterNodeFleetRequest(public_key=b"x")),
        ("unregister-node", fleet_pb2.UnregisterNodeFleetRequest(node_id=1)),
        ("get-run", run_pb2.GetRunRequest(run_id=1)),
        ("get-fab", fab_pb2.GetFabRequest(hash_str="x")),
    ):
        assert caller.status(route, request) == 404


def test_without_credentials_every_route_answers_401(fed, coordinator):
    for name in OFFERED:
        status, body = plain(fed, "POST", f"/v1/fleet/{name}")
        assert (status, body) == (401, b'{"detail": "Invalid SuperNode authentication"}')


def test_one_site_cannot_speak_for_another(fed, coordinator):
    ours, theirs = Caller(fed, "A"), Caller(fed, "B")
    a, b = ours.join(), theirs.join()
    assert ours.status("pull-messages", fleet_pb2.PullMessagesRequest(node=a)) == 200
    assert ours.status("pull-messages", fleet_pb2.PullMessagesRequest(node=b)) == 401
    heartbeat = heartbeat_pb2.SendNodeHeartbeatRequest(node=b, heartbeat_interval=10)
    assert ours.status("send-node-heartbeat", heartbeat) == 401
    assert ours.status("deactivate-node", fleet_pb2.DeactivateNodeRequest(node_id=b.node_id)) == 401
    activation = fleet_pb2.ActivateNodeRequest(public_key=theirs.session._public_key, heartbeat_interval=10)
    assert ours.status("activate-node", activation) == 401
    assert set(coordinator.sites()) == {"A", "B"}


def test_one_site_cannot_answer_or_swallow_anothers_message(fed, coordinator):
    ours, theirs = Caller(fed, "A"), Caller(fed, "B")
    a, b = ours.join(), theirs.join()
    with coordinator.grid() as grid:
        to_b = next(message for message in messages(grid, [1.0]) if message.metadata.dst_node_id == b.node_id)
        (message_id,) = grid.push_messages([to_b])
        forged = pack(Message(RecordDict({"config": ConfigRecord({"x": 1})}), reply_to=to_b), 0.0)
        assert forged.head.metadata.src_node_id == b.node_id
        push = fleet_pb2.PushMessagesRequest(
            node=a,
            messages_list=[forged.head],
            message_object_trees=[forged.tree],
            clientapp_runtime_list=[0.0],
        )
        assert ours.status("push-messages", push) == 403
        swallow = message_pb2.ConfirmMessageReceivedRequest(
            node=a, run_id=grid.run.run_id, message_object_id=message_id
        )
        assert ours.status("confirm-message-received", swallow) == 403
        offer = theirs.session.poll()
        assert offer is not None
        assert theirs.session.fetch(offer).content["arrays"]["weights"].numpy() == [1.0]
        push.node.CopyFrom(b)
        assert theirs.status("push-messages", push) == 200, "the control: B's own reply is taken"


def test_a_replayed_request_is_void_when_it_is_old(fed, coordinator, monkeypatch):
    caller = Caller(fed, "A")
    node = caller.join()
    headers = caller.session._headers()
    body = fleet_pb2.PullMessagesRequest(node=node).SerializeToString()
    assert plain(fed, "POST", "/v1/fleet/pull-messages", body, headers)[0] == 200
    true_time = session.now
    monkeypatch.setattr(session, "now", lambda: true_time() - dt.timedelta(minutes=6))
    assert plain(fed, "POST", "/v1/fleet/pull-messages", body, caller.session._headers())[0] == 401


def test_objects_are_what_they_are_called(fed, coordinator):
    caller = Caller(fed, "A")
    node = caller.join()
    with coordinator.grid() as grid:
        request = message_pb2.PushObjectRequest(
            node=node,
            run_id=grid.run.run_id,
            session_id="any",
            object_id="0" * 64,
            object_content=b"ArrayChunk  1\0a",
        )
        assert caller.status("push-object", request) == 400
        request.object_content = b"no object"
        request.object_id = hashlib.sha256(b"no object").hexdigest()
        assert caller.status("push-object", request) == 400
        request.session_id = ""
        assert caller.status("push-object", request) == 400


def test_a_site_cannot_fill_the_memory(fed, coordinator):
    caller = Caller(fed, "A")
    node = caller.join()
    big = message_pb2.PushObjectRequest(node=node, object_id="0" * 64, object_content=b"a" * (2 << 20))
    # The coordinator answers and hangs up before the body is through: the answer may be lost with the line.
    with contextlib.suppress(FedchemoError):
        assert caller.status("push-object", big) == 413
    with coordinator.grid() as grid:
        (message,) = messages(grid, [1.0])
        grid.push_messages([message])
        reply = Message(RecordDict({"config": ConfigRecord({"x": 1})}), reply_to=message)
        tree = get_object_tree(reply)
        tree.children.extend(message_pb2.ObjectTree(object_id=f"{n:064x}") for n in range(1100))
        parcel = pack(reply, 0.0)
        push = fleet_pb2.PushMessagesRequest(
            node=node, messages_list=[parcel.head], message_object_trees=[tree], clientapp_runtime_list=[0.0]
        )
        assert caller.status("push-messages", push) == 413
        del push.message_object_trees[:]
        assert caller.status("push-messages", push) == 400


def test_a_stranger_may_not_even_send_a_large_body(fed, coordinator, tmp_path):
    stranger = Caller(federation(tmp_path / "other", sites=("A",)), "A")
    headers = stranger.session._headers()
    assert plain(fed, "POST", "/v1/fleet/activate-node", b"x" * 8192, headers)[0] == 413
    assert plain(fed, "POST", "/v1/fleet/activate-node", b"\xff" * 99, headers)[0] == 400


def test_a_body_that_never_ends_is_given_up(fed, coordinator):
    caller, kit = Caller(fed, "A"), kit_of(fed, "A")
    head = "".join(f"{name}: {value}\r\n" for name, value in caller.session._headers().items())
    with (
        socket.create_connection((kit.host, kit.port), timeout=20) as raw,
        trusting(kit.ca_certificate).wrap_socket(raw, server_hostname=kit.host) as stream,
    ):
        stream.sendall(
            f"POST /v1/fleet/pull-messages HTTP/1.1\r\nhost: x\r\n{head}content-length: 100\r\n\r\nonly".encode()
        )
        assert stream.recv(100).startswith(b"HTTP/1.1 408")


def test_plain_http_and_old_tls_get_nothing_and_do_no_harm(fed, coordinator):
    kit = kit_of(fed, "A")
    with socket.create_connection((kit.host, kit.port), timeout=20) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"200" not in raw.recv(1000)
    context = trusting(kit.ca_certificate)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((kit.host, kit.port), timeout=20) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(raw, server_hostname=kit.host)
    assert plain(fed, "GET", "/health")[0] == 200


def test_what_the_operator_is_told(fed, tmp_path):
    told = []
    with Coordinator(fed.path, tell=lambda kind, details: told.append((kind, dict(details)))):
        Caller(fed, "A").join()
        other = federation(tmp_path / "other", sites=("A",))
        kit = kit_of(other, "A").model_copy(
            update={"port": kit_of(fed, "A").port, "ca_certificate": kit_of(fed, "A").ca_certificate}
        )
        stranger = FleetSession(kit, heartbeat=10)
        with pytest.raises(Exception, match="FC606"):
            stranger.activate()
    assert told == [
        ("site_online", {"site": "A"}),
        ("site_refused", {"peer": "127.0.0.1", "status": 412, "code": "FC606"}),
    ]
