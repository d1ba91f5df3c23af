"""What each kind of caller gets from the coordinator's one port, and how a running coordinator follows its folder."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading

import pytest
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2
from flwr.proto.node_pb2 import Node

from fedchemo.client.fleet.session import FleetSession
from fedchemo.client.fleet.transport import trusting
from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.members import add, revoke
from fedchemo.deploy.provisioning.renewal import renew
from fedchemo.server.fleet import connection as connection_module
from fedchemo.server.fleet import front
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.front import Limits
from fedchemo.server.fleet.rates import Rate
from fedchemo.server.fleet.watch import current
from fedchemo.shared.errors import FedchemoError
from tests.networked import federation, kit_of, messages, serving, until
from tests.server.fleet.test_front import OFFERED, Caller, plain

pytestmark = pytest.mark.network
NODE = 1


def request(route: str, node: Node, key: bytes):
    """Return the least that a site may send to a route."""
    return {
        "activate-node": fleet_pb2.ActivateNodeRequest(public_key=key, heartbeat_interval=10),
        "deactivate-node": fleet_pb2.DeactivateNodeRequest(node_id=node.node_id),
        "send-node-heartbeat": heartbeat_pb2.SendNodeHeartbeatRequest(node=node, heartbeat_interval=10),
        "pull-messages": fleet_pb2.PullMessagesRequest(node=node),
        "push-messages": fleet_pb2.PushMessagesRequest(node=node),
        "pull-object": message_pb2.PullObjectRequest(node=node, run_id=1, object_id="0" * 64),
        "push-object": message_pb2.PushObjectRequest(node=node, run_id=1, object_id="0" * 64),
        "confirm-message-received": message_pb2.ConfirmMessageReceivedRequest(
            node=node, run_id=1, message_object_id="0" * 64
        ),
    }[route]


# For each route: what a member gets for the least that it may send. 400: an empty reply or object; 403: no such run.
MEMBER = {
    "activate-node": 412,  # it is online already
    "send-node-heartbeat": 200,
    "pull-messages": 200,
    "push-messages": 400,
    "pull-object": 403,
    "push-object": 400,
    "confirm-message-received": 200,
    "deactivate-node": 200,
}


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A", "B"))


@pytest.fixture
def told():
    return []


@pytest.fixture
def coordinator(fed, told):
    limits = Limits(body_bytes=1 << 20, body_s=1.0, hold_s=0.1)
    with Coordinator(
        fed.path, limits=limits, tell=lambda kind, details: told.append((kind, details))
    ) as serving_:
        yield serving_


def authority(fed) -> Authority:
    return Authority.load(fed, passphrase=lambda *_: None)


def statuses(caller: Caller, node: Node) -> dict[str, int]:
    return {route: caller.status(route, request(route, node, caller.session._public_key)) for route in MEMBER}


def test_the_table_of_routes_is_whole():
    assert set(MEMBER) == OFFERED


def test_a_stranger_gets_401_everywhere(fed, coordinator):
    assert {plain(fed, "POST", f"/v1/fleet/{route}")[0] for route in OFFERED} == {401}


def test_whoever_has_another_key_can_only_fail_to_register(fed, coordinator, tmp_path):
    stranger = Caller(federation(tmp_path / "other", sites=("A",)), "A")
    home = kit_of(fed, "A")
    stranger.session._work.close()
    stranger.session._work._context = trusting(home.ca_certificate)
    stranger.session._work._host, stranger.session._work._port = home.host, home.port
    found = statuses(stranger, Node(node_id=NODE))
    assert found.pop("activate-node") == 412
    assert set(found.values()) == {401}
    with pytest.raises(FedchemoError, match="FC606"):
        stranger.join()
    assert coordinator.sites() == {}


def test_a_member_gets_what_the_table_says(fed, coordinator):
    caller = Caller(fed, "A")
    assert statuses(caller, caller.join()) == MEMBER


def test_a_revoked_member_is_out_at_once_and_the_others_stay(fed, coordinator, told):
    revoked, other = Caller(fed, "A"), Caller(fed, "B")
    node, _ = revoked.join(), other.join()
    revoke(fed, authority(fed), ["A"])
    until(lambda: ("site_removed", {"site": "A"}) in told, seconds=10)
    found = statuses(revoked, node)
    assert found.pop("activate-node") == 412
    assert set(found.values()) == {401}
    with pytest.raises(FedchemoError, match="FC606"):
        revoked.join()
    assert set(coordinator.sites()) == {"B"}


def test_work_of_a_site_that_is_revoked_meanwhile_is_given_up(fed, told):
    kit = kit_of(fed, "A")
    begun, revoked = threading.Event(), threading.Event()

    def slow(message, _context):
        begun.set()
        revoked.wait(30)
        return message

    with (
        Coordinator(fed.path, tell=lambda kind, details: told.append((kind, details))) as coordinator,
        serving(kit, slow),
        coordinator.grid() as grid,
    ):
        until(coordinator.sites)
        answers = []
        thread = threading.Thread(
            target=lambda: answers.extend(grid.replies(messages(grid, [1.0]), timeout=60))
        )
        thread.start()
        assert begun.wait(30)
        revoke(fed, authority(fed), ["A"])
        thread.join(15)
        revoked.set()
        assert [answer.error.reason for answer in answers] == ["FC614"]


def test_a_site_that_is_added_meanwhile_is_let_in(fed, coordinator, told):
    add(fed, authority(fed), ["C"], days=30)
    until(lambda: ("site_admitted", {"site": "C"}) in told, seconds=10)
    Caller(fed, "C").join()
    assert set(coordinator.sites()) == {"C"}


def test_an_altered_roster_changes_nothing(fed, coordinator, told):
    Caller(fed, "A").join()
    fed.roster.write_text(fed.roster.read_text().replace('name = "A"', 'name = "Z"'))
    (what,) = until(
        lambda: [details["what"] for kind, details in told if kind == "warning"], seconds=10, what="a warning"
    )
    assert "FC507" in what
    assert set(coordinator.sites()) == {"A"}


def test_a_member_whose_kit_has_ended_is_none(fed):
    roster = fed.read_roster()
    last = max(member.until for member in roster.site)
    assert set(current(roster, last - dt.timedelta(days=1))) == {"A", "B"}
    assert current(roster, last) == {}


def test_a_renewed_certificate_is_used_for_new_connections(fed, coordinator, told):
    def served() -> bytes:
        kit = kit_of(fed, "A")
        with (
            socket.create_connection((kit.host, kit.port), timeout=10) as bare,
            trusting(kit.ca_certificate).wrap_socket(bare, server_hostname=kit.host) as secured,
        ):
            found = secured.getpeercert(binary_form=True)
            assert found is not None
            return found

    before = served()
    renew(fed, authority(fed), days=60)
    until(lambda: any(kind == "certificate_renewed" for kind, _ in told), seconds=10)
    assert served() != before


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(fed, coordinator, version):
    context = trusting(kit_of(fed, "A").ca_certificate)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    _refuses(fed, context)


@pytest.mark.parametrize(
    "cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA"]
)
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(fed, coordinator, cipher):
    context = trusting(kit_of(fed, "A").ca_certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    _refuses(fed, context)


def _refuses(fed, context: ssl.SSLContext) -> None:
    kit = kit_of(fed, "A")
    with (
        socket.create_connection((kit.host, kit.port), timeout=10) as bare,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(bare, server_hostname=kit.host)


def test_a_flood_of_strangers_is_turned_away_without_a_look(fed):
    with Coordinator(fed.path, limits=Limits(stranger=Rate(per_s=0.001, burst=5))):
        found = [plain(fed, "POST", "/v1/fleet/pull-messages")[0] for _ in range(7)]
        Caller(fed, "A").join()
    assert found == [401] * 5 + [429] * 2, "and a hospital behind the same address is let in all the same"


def test_a_site_that_asks_without_end_is_slowed_down_and_the_other_is_not(fed):
    with Coordinator(fed.path, limits=Limits(site=Rate(per_s=0.001, burst=5))):
        flooding, other = Caller(fed, "A"), Caller(fed, "B")
        node = flooding.join()
        beat = heartbeat_pb2.SendNodeHeartbeatRequest(node=node, heartbeat_interval=10)
        assert [flooding.status("send-node-heartbeat", beat) for _ in range(6)] == [200] * 4 + [429] * 2
        other.join()


def test_a_connection_that_says_nothing_is_closed(fed, monkeypatch):
    monkeypatch.setattr(connection_module, "HEAD_S", 0.3)
    with Coordinator(fed.path):
        assert _silent(fed, b"") == b""
        assert _silent(fed, b"POST /v1/fleet/pull-messages HTTP/1.1\r\n") == b""


def test_a_head_without_end_is_cut_off(fed):
    with Coordinator(fed.path):
        endless = b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * (connection_module.LONGEST_HEAD // 3)
        assert _silent(fed, endless) == b""


def test_one_address_cannot_take_every_connection(fed, monkeypatch):
    monkeypatch.setattr("fedchemo.server.fleet.listener.SHARE_OF_ONE_ADDRESS", 0.05)
    kit = kit_of(fed, "A")
    context = trusting(kit.ca_certificate)
    opened: list[ssl.SSLSocket] = []

    def served() -> bool:
        try:
            bare = socket.create_connection((kit.host, kit.port), timeout=10)
            opened.append(context.wrap_socket(bare, server_hostname=kit.host))
            opened[-1].sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            return opened[-1].recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    with Coordinator(fed.path), contextlib.ExitStack() as stack:
        stack.callback(lambda: [each.close() for each in opened])
        found = [served() for _ in range(10)]
        room = sum(found)
        assert 2 < room < 10
        assert found == [True] * room + [False] * (10 - room)
        opened.pop(0).close()
        assert until(served, seconds=10), "a connection that has ended makes room"


def _silent(fed, content: bytes) -> bytes:
    """Send bytes, and return what comes until the other side closes the connection."""
    kit = kit_of(fed, "A")
    context = trusting(kit.ca_certificate)
    with (
        socket.create_connection((kit.host, kit.port), timeout=10) as bare,
        context.wrap_socket(bare, server_hostname=kit.host, suppress_ragged_eofs=True) as secured,
    ):
        try:
            secured.sendall(content)
            return secured.recv(100)
        except ConnectionError:
            return b""


def test_the_front_reads_no_more_of_a_stranger_than_it_must(fed, coordinator):
    status, _ = plain(fed, "POST", "/v1/fleet/push-object", b"x" * (front.STRANGERS_BODY + 1))
    assert status == 401


def test_a_session_survives_the_renewal_of_its_kit(fed, coordinator):
    session = FleetSession(kit_of(fed, "A"), heartbeat=10)
    session.activate()
    renew(fed, authority(fed), days=60)
    session.beat()
    session.close()
