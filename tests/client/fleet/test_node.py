"""The hospital's node against a real coordinator over TLS: who gets in, and what is kept and tried again."""

from __future__ import annotations

import datetime as dt
import threading
import time

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Error, Message, RecordDict

from fedchemo.client.fleet import session
from fedchemo.client.fleet.node import HospitalNode
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, private_openssh, public_openssh
from tests.networked import Events, by_site, federation, kit_of, messages, serving, until

pytestmark = pytest.mark.network


def plus_one(message: Message, _context: object) -> Message:
    weights = message.content["arrays"]["weights"].numpy() + np.float32(1)
    return Message(RecordDict({"arrays": ArrayRecord({"weights": Array(weights)})}), reply_to=message)


def refusal(kit, *, patience: float | None = 0.0) -> FedchemoError:
    """Return the error with which a node ends before it was let in."""
    events = Events()
    node = HospitalNode(kit, plus_one, on_event=events, patience=patience)
    with pytest.raises(FedchemoError) as caught:
        node.run()
    assert not events.of("connected")
    return caught.value


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A", "B"))


@pytest.fixture
def coordinator(fed):
    with Coordinator(fed.path) as serving_now:
        yield serving_now


def test_a_stranger_with_the_authoritys_certificate_only_is_refused(fed, coordinator):
    key = new_key()
    stranger = kit_of(fed, "A").model_copy(
        update={"private_key": private_openssh(key), "public_key": public_openssh(key.public_key())}
    )
    assert refusal(stranger, patience=None).code == "FC606"
    assert coordinator.sites() == {}
    with serving(kit_of(fed, "A"), plus_one):  # the control: the true key gets in
        until(coordinator.sites)


def test_a_kit_of_another_federation_is_refused_before_anything_is_sent(fed, coordinator, tmp_path):
    other = kit_of(federation(tmp_path / "other", sites=("A",)), "A")
    error = refusal(other.model_copy(update={"port": coordinator.port}), patience=None)
    assert error.code == "FC603"
    assert str(coordinator.port) in error.what


def test_a_host_that_the_certificate_does_not_name_is_refused(tmp_path):
    fed = federation(tmp_path / "fed", sites=("A",), hosts=("coordinator.example",))
    with Coordinator(fed.path, host="127.0.0.1") as coordinator:
        for host in ("127.0.0.1", "localhost"):
            assert refusal(kit_of(fed, "A").model_copy(update={"host": host}), patience=None).code == "FC605"
        assert coordinator.sites() == {}


def test_a_coordinator_that_is_not_there_is_given_up_when_the_patience_ends(fed):
    started = time.monotonic()
    error = refusal(kit_of(fed, "A"), patience=1.0)
    assert error.code == "FC601"
    assert 0.2 < time.monotonic() - started < 10


def test_a_kit_out_of_date_is_refused_without_asking(fed):
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert refusal(kit_of(fed, "A").model_copy(update={"valid_until": long_ago})).code == "FC502"


def test_a_clock_that_is_wrong_is_named(fed, coordinator, monkeypatch):
    true_time = session.now
    monkeypatch.setattr(session, "now", lambda: true_time() - dt.timedelta(hours=1))
    error = refusal(kit_of(fed, "A"), patience=None)
    assert error.code == "FC610"
    assert "3600 s" in error.what or "3599 s" in error.what


def test_another_release_of_flower_is_named(fed, coordinator, monkeypatch):
    def other(name):
        return session.RuntimeVersionMetadata("flwr", "1.41.0", name)

    monkeypatch.setattr(session.RuntimeVersionMetadata, "from_local_component", other)
    assert refusal(kit_of(fed, "A"), patience=None).code == "FC609"


def test_a_kit_in_use_is_refused_and_the_first_stays(fed, coordinator):
    with serving(kit_of(fed, "A"), plus_one), coordinator.grid() as grid:
        until(coordinator.sites)
        assert refusal(kit_of(fed, "A"), patience=0.5).code == "FC607"
        assert list(by_site(grid, grid.replies(messages(grid, [1.0]), timeout=20))) == ["A"]


def test_work_in_hand_outlives_the_coordinators_listener(fed):
    """The line is cut while the site works; the reply is delivered when it is back, and the work done once."""
    calls, working, line_cut = [], threading.Event(), threading.Event()

    def slow(message: Message, context: object) -> Message:
        calls.append(message.metadata.message_id)
        working.set()
        assert line_cut.wait(30)
        return plus_one(message, context)

    coordinator = Coordinator(fed.path)
    with coordinator.grid() as grid, serving(kit_of(fed, "A"), slow) as (_, events):
        with coordinator:
            until(grid.sites)
            replies = grid.replies(messages(grid, [1.0]), timeout=60)
            got = []
            asking = threading.Thread(target=lambda: got.extend(replies))
            asking.start()
            assert working.wait(30)
        line_cut.set()
        until(lambda: events.of("disconnected"), what="the site notices")
        with coordinator:
            asking.join(timeout=60)
    (reply,) = got
    assert reply.content["arrays"]["weights"].numpy() == [2.0]
    assert len(calls) == 1


def test_a_reply_that_waits_for_its_turn_says_so(fed, coordinator, monkeypatch):
    busy = iter([None, None])
    announce = session.FleetSession.announce
    monkeypatch.setattr(
        session.FleetSession, "announce", lambda self, parcel: next(busy, announce(self, parcel))
    )
    monkeypatch.setattr("fedchemo.client.fleet.node.IDLE_S", 0.01)
    with serving(kit_of(fed, "A"), plus_one) as (_, events), coordinator.grid() as grid:
        until(grid.sites)
        assert list(by_site(grid, grid.replies(messages(grid, [1.0]), timeout=20))) == ["A"]
        assert len(events.of("queueing")) == 2


def test_an_error_that_the_app_returns_keeps_only_a_code(fed, coordinator):
    def telling(message: Message, _context: object) -> Message:
        return Message(Error(0, "patient 042 has no image"), reply_to=message)

    with serving(kit_of(fed, "A"), telling), coordinator.grid() as grid:
        until(grid.sites)
        (reply,) = grid.replies(messages(grid, [1.0]), timeout=20)
    assert reply.error.reason == "FC990"


def test_the_app_may_stop_the_node_and_its_last_reply_still_arrives(fed, coordinator):
    nodes = []

    def last(message: Message, context: object) -> Message:
        nodes[0].stop()
        until(lambda: nodes[0].stopping)
        return plus_one(message, context)

    with serving(kit_of(fed, "A"), last) as (node, events), coordinator.grid() as grid:
        nodes.append(node)
        until(grid.sites)
        (reply,) = grid.replies(messages(grid, [1.0]), timeout=20)
        assert reply.has_content()
        until(lambda: events.of("stopped"))


def test_state_is_kept_within_a_run_and_gone_in_the_next(fed, coordinator):
    def counting(message: Message, context) -> Message:
        from flwr.app import MetricRecord

        count = int(context.state["n"]["n"]) + 1 if "n" in context.state else 1
        context.state["n"] = MetricRecord({"n": count})
        return Message(
            RecordDict({"arrays": ArrayRecord({"weights": Array(np.float32([count]))})}), reply_to=message
        )

    seen = []
    with serving(kit_of(fed, "A"), counting):
        for _ in range(2):
            with coordinator.grid() as grid:
                until(grid.sites)
                for _ in range(2):
                    (reply,) = grid.replies(messages(grid, [1.0]), timeout=20)
                    seen.append(float(reply.content["arrays"]["weights"].numpy()[0]))
    assert seen == [1, 2, 1, 2]
