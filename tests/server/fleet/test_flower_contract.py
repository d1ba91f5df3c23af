"""What the coordinator takes for granted in flwr's internals. A failure here names what a new release changed."""

from __future__ import annotations

import inspect

from flwr.common import constant
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.serverapp import Grid
from flwr.supercore import constant as core_constant
from flwr.supercore.error import ApiErrorCode
from flwr.supercore.error.catalog import API_ERROR_MAP
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.routers.fleet import node_auth, router
from flwr.superlink.servicer.fleet import fleet_handlers

from fedchemo.server.fleet.grid import FleetGrid
from fedchemo.server.fleet.link import Link
from fedchemo.server.fleet.routes import Routes


def parameters(call: object) -> list[str]:
    return [name for name in inspect.signature(call).parameters if name != "self"]  # type: ignore[arg-type]


def test_the_handlers_take_what_we_give_them():
    assert parameters(fleet_handlers.activate_node) == ["request", "state"]
    assert parameters(fleet_handlers.deactivate_node) == ["request", "state"]
    assert parameters(fleet_handlers.send_node_heartbeat) == ["request", "state"]
    assert parameters(fleet_handlers.pull_messages) == ["request", "state", "store"]
    assert parameters(fleet_handlers.push_messages) == ["request", "state"]
    assert parameters(fleet_handlers.pull_object) == ["request", "state"]
    assert parameters(fleet_handlers.push_object) == ["request", "state"]
    assert parameters(fleet_handlers.confirm_message_received) == ["request", "state", "store"]


def test_the_link_state_has_what_we_use():
    state = InMemoryLinkState(NoOpFederationManager(), InMemoryObjectStore(verify=False))
    assert state.message_ins_store == state.message_res_store == state.message_ins_id_to_message_res_id == {}
    assert hasattr(state.object_store, "lock_store"), "registration in one step needs the store's lock"
    assert parameters(state.get_message_res) == ["message_ids", "run_id"]
    assert parameters(state.store_message_ins) == ["message"]
    assert parameters(state.preregister_object_tree) == ["object_tree", "session_id"]
    assert parameters(state.store_object) == ["run_id", "session_id", "object_id", "object_content"]
    assert parameters(state.create_node)[:4] == [
        "owner_aid",
        "owner_name",
        "public_key",
        "heartbeat_interval",
    ]


def test_flowers_fleet_api_is_the_one_that_we_know():
    """A new route, or one that is gone, means that nodes and coordinators speak otherwise."""
    theirs = {route.path.removeprefix("/v1/fleet/") for route in router.router.routes}
    ours = Routes(Link({}))
    assert set(ours.parsers) == set(ours.handlers)
    assert theirs == set(ours.handlers) | {"register-node", "unregister-node", "get-run", "get-fab"}


def test_authentication_is_the_one_that_we_split():
    source = inspect.getsource(node_auth.authenticate_node)
    for part in (
        "SYSTEM_TIME_TOLERANCE",
        "TIMESTAMP_TOLERANCE",
        "verify_signature",
        "get_node_id_by_public_key",
    ):
        assert part in source, "flwr checks something else than it did: compare with authentication.py"
    assert constant.TIMESTAMP_HEADER == "flwr-timestamp"
    assert core_constant.FLEET_HTTP_PUBLIC_KEY_HEADER
    assert core_constant.FLEET_HTTP_SIGNATURE_HEADER


def test_numbers_that_the_two_sides_agree_on():
    assert API_ERROR_MAP[ApiErrorCode.FLEET_NODE_ACTIVATION_FAILED].http_status_code == 412
    assert API_ERROR_MAP[ApiErrorCode.FLEET_RUN_STATUS_NOT_ALLOWED].http_status_code == 403
    assert ApiErrorCode.RUNTIME_VERSION_INCOMPATIBLE == 1001
    assert constant.HEARTBEAT_MIN_INTERVAL <= 10
    assert constant.ErrorCode.NODE_UNAVAILABLE == 5


def test_our_grid_is_a_grid_of_flowers():
    assert issubclass(FleetGrid, Grid)
    assert not Grid.__abstractmethods__ - set(vars(FleetGrid))
