"""Versions are compared before anything else: each side names both, and who must upgrade to what."""

from __future__ import annotations

import threading

import pytest

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.client.fleet.session import FleetSession
from fedchemo.server.fleet import front
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, private_openssh, public_openssh
from fedchemo.shared.wire.versions import Versions
from tests.networked import Events, federation, kit_of, until

HERE = Versions.here()


@pytest.fixture
def told():
    return []


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",))


@pytest.fixture
def coordinator(fed, told):
    with Coordinator(fed.path, tell=lambda kind, details: told.append((kind, details))) as serving:
        yield serving


def test_equal_sides_say_nothing(fed, coordinator, told):
    site = FleetSession(kit_of(fed, "A"), heartbeat=10)
    site.activate()
    assert site.coordinator == HERE
    assert site.difference is None
    assert told == [("site_online", {"site": "A"})]


def test_another_protocol_is_refused_and_both_sides_hear_who_must_upgrade(fed, coordinator, told):
    site = FleetSession(kit_of(fed, "A"), heartbeat=10)
    site._versions = Versions("0.0.1", HERE.protocol - 1, HERE.flwr)
    with pytest.raises(FedchemoError, match="FC303") as caught:
        site.activate()
    assert f"this site must upgrade to fedchemo {HERE.fedchemo}" in caught.value.what
    assert coordinator.sites() == {}
    assert "FC303" in str(dict(told)["warning"])


def test_another_minor_release_of_flwr_names_both_and_the_older(fed, coordinator):
    site = FleetSession(kit_of(fed, "A"), heartbeat=10)
    site._versions = Versions("9.0.0", HERE.protocol, "1.99.0")
    site._version = {name: "1.99.0" if value == HERE.flwr else value for name, value in site._version.items()}
    with pytest.raises(FedchemoError, match="FC609") as caught:
        site.activate()
    assert f"the coordinator runs flwr {HERE.flwr}, this site 1.99.0" in caught.value.what
    assert "the coordinator must upgrade to fedchemo 9.0.0" in caught.value.what


def test_another_release_of_fedchemo_takes_part_with_a_warning_on_both_sides(fed, coordinator, told):
    events = Events()
    node = HospitalNode(kit_of(fed, "A"), lambda message, _: message, on_event=events)
    node._session._versions = Versions("0.0.1", HERE.protocol, HERE.flwr)
    thread = threading.Thread(target=node.run, daemon=True)
    thread.start()
    try:
        until(coordinator.sites)
        (warned,) = until(lambda: events.of("versions"))
    finally:
        node.stop()
        thread.join(timeout=20)
    assert warned["code"] == "FC616"
    assert f"this site must upgrade to fedchemo {HERE.fedchemo}" in warned["what"]
    assert "this site 0.0.1" in str(dict(told)["warning"])


def test_a_question_lets_nobody_in_and_does_not_disturb_a_client_that_runs(fed, coordinator, told):
    asking = FleetSession(kit_of(fed, "A"), heartbeat=10)
    standing = asking.ask()
    assert not standing.online
    assert standing.bytes == len(front.LINE)
    assert coordinator.sites() == {}
    running = FleetSession(kit_of(fed, "A"), heartbeat=10)
    node = running.activate()
    assert asking.ask().online
    assert coordinator.sites() == {"A": node}
    running.beat()
    assert [kind for kind, _ in told] == ["site_online"], "nobody is told of a question"
    assert asking.coordinator == HERE


def test_a_stranger_is_refused_and_not_told_what_runs_here(fed, coordinator):
    key = new_key()
    kit = kit_of(fed, "A").model_copy(
        update={"private_key": private_openssh(key), "public_key": public_openssh(key.public_key())}
    )
    stranger = FleetSession(kit, heartbeat=10)
    with pytest.raises(FedchemoError, match="FC606"):
        stranger.ask()
    assert stranger.coordinator == Versions(None, None, None)


def test_a_coordinator_that_does_not_know_the_question_is_left_at_once(fed, coordinator, monkeypatch):
    monkeypatch.setattr(front, "QUESTION", "another-header")
    assert not FleetSession(kit_of(fed, "A"), heartbeat=10).ask().online
    assert coordinator.sites() == {}
