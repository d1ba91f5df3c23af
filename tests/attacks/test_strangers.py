"""Whoever found the port, and whoever has the authority's certificate, can only fail to register."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.proto import control_pb2, fleet_pb2, message_pb2

from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.front import Limits
from fedchemo.server.fleet.rates import Rate
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import public_openssh
from tests.attacks.callers import ROUTES, Caller, plain
from tests.networked import federation, kit_of

pytestmark = pytest.mark.network

PREFIXES = ("/v1", "/v1/fleet", "/v1/control", "/v1/runtime", "/v1/exec", "/v1/serverappio", "")


@pytest.fixture(scope="module")
def coordinator(fed):
    many = Rate(per_s=1e6, burst=1e6)  # this module asks for some hundred routes at once
    with Coordinator(fed.path, limits=Limits(hold_s=0.1, stranger=many)) as serving:
        yield serving


@pytest.fixture
def stranger(fed):
    """The kit of A as its holder would have it who has the authority's certificate, but no key of the roster."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = public_openssh(key.public_key())
    kit = kit_of(fed, "A").model_copy(update={"public_key": public, "private_key": "", "signature": ""})
    return Caller(kit.with_key(key))


def methods() -> list[tuple[str, str]]:
    """Return every method of every service in flwr's protocol files: (service, method)."""
    found = []
    for name in ("control", "runtime", "fleet", "run", "log", "fab", "message", "heartbeat", "grpcadapter"):
        module = importlib.import_module(f"flwr.proto.{name}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            found += [(service.full_name, method.name) for method in service.methods]
    return found


def kebab(name: str) -> str:
    """Return a method's name as flwr's HTTP routes spell it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def test_the_list_of_what_must_be_absent_is_flwrs_own():
    listed = methods()
    services = {service.rpartition(".")[2] for service, _ in listed}
    assert {"Control", "Fleet"} <= services, services
    assert len(listed) > 40
    assert {kebab(name) for service, name in listed if service.endswith(".Fleet")} >= set(ROUTES)


def test_nothing_but_the_fleet_api_is_there(fed, coordinator):
    kit = kit_of(fed, "A")
    paths = {f"{prefix}/{kebab(name)}" for _, name in methods() for prefix in PREFIXES}
    paths |= {f"/{service}/{name}" for service, name in methods()}  # as gRPC has them
    offered = {f"/v1/fleet/{route}" for route in ROUTES}
    assert offered <= paths
    answers = {path: plain(kit, "POST", path)[0] for path in sorted(paths)}
    assert {path for path, status in answers.items() if status != 404} == offered
    assert {answers[path] for path in offered} == {401}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/fleet//pull-messages",
        "/v1/fleet/pull-messages/",
        "/v1/fleet/./pull-messages",
        "/v1/fleet/PULL-MESSAGES",
        "/v1/fleet/pull%2Dmessages?x=1",
        "/v1/fleet/../control/start-run",
        "/v1/fleet/%2e%2e/control/start-run",
        "//v1/control/start-run",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/debug",
        "/.git/config",
    ],
)
def test_no_spelling_of_a_path_opens_another_door(fed, coordinator, path):
    status, body = plain(kit_of(fed, "A"), "POST", path)
    assert (status, body) in {(404, b""), (401, b'{"detail": "Invalid SuperNode authentication"}')}


def test_with_the_certificate_alone_every_route_answers_401(fed, coordinator):
    for route in ROUTES:
        status, body = plain(kit_of(fed, "A"), "POST", f"/v1/fleet/{route}")
        assert (status, body) == (401, b'{"detail": "Invalid SuperNode authentication"}')


def test_with_the_certificate_and_a_key_of_ones_own_one_fails_to_register(fed, coordinator, stranger):
    with pytest.raises(FedchemoError, match="FC606"):
        stranger.join()
    key = stranger.session._public_key
    register = fleet_pb2.RegisterNodeFleetRequest(public_key=key)
    assert stranger.send("register-node", register)[0] == 404
    assert stranger.send("pull-messages", fleet_pb2.PullMessagesRequest())[0] == 401
    for node_id in (*coordinator._link.names, 0, 1):
        request = fleet_pb2.PullMessagesRequest()
        request.node.node_id = node_id
        assert stranger.send("pull-messages", request)[0] == 401
        fetch = message_pb2.PullObjectRequest(node=request.node, run_id=1, object_id="0" * 64)
        assert stranger.send("pull-object", fetch)[0] == 401
    assert coordinator.sites() == {}


def test_a_key_of_the_roster_without_its_private_half_is_worth_nothing(fed, coordinator, stranger):
    """The roster's public keys are no secret."""
    theirs = Caller.of(fed, "A").session._public_key
    stranger.session._public_key = theirs
    headers = stranger.session._headers()  # their key, our signature
    request = fleet_pb2.ActivateNodeRequest(public_key=theirs, heartbeat_interval=10)
    assert stranger.send("activate-node", request, headers)[0] == 401
    assert coordinator.sites() == {}


def test_a_stranger_who_starts_a_run_starts_nothing(fed, coordinator, stranger):
    request = control_pb2.StartRunRequest()
    for path in ("/v1/control/start-run", "/v1/fleet/start-run"):
        headers = stranger.session._headers()
        assert plain(kit_of(fed, "A"), "POST", path, request.SerializeToString(), headers)[0] == 404


def test_a_stranger_who_asks_without_end_is_answered_no_more_and_members_are(tmp_path):
    fed = federation(tmp_path / "fed", sites=("A", "B"))
    kit = kit_of(fed, "A")
    with Coordinator(fed.path, limits=Limits(hold_s=0.1, stranger=Rate(per_s=0.01, burst=5))) as coordinator:
        member = Caller.of(fed, "B").join()
        found = [plain(kit, "POST", "/v1/control/start-run")[0] for _ in range(7)]
        assert found == [404] * 5 + [429] * 2
        assert set(coordinator.sites()) == {"B"}
        assert member.node.node_id


def test_nothing_listens_but_the_one_port(fed, coordinator):
    """Flower's SuperLink would open one for each of its APIs."""
    own = {str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if os.path.lexists(file)}
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    listening = {
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own
    }
    assert listening == {coordinator.port}
