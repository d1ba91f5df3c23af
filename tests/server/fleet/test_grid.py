"""The grid in one process, with sites that are played by calls: replies, errors, and what stays in memory."""

from __future__ import annotations

import datetime as dt
import gc
import importlib
import threading
import tracemalloc

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.proto import fleet_pb2, message_pb2
from flwr.proto.node_pb2 import Node
from flwr.serverapp.strategy import FedAvg

from fedchemo.client.fleet.parcel import pack
from fedchemo.server.fleet import coordinator as module
from fedchemo.server.fleet.link import Link
from fedchemo.server.fleet.routes import Routes
from fedchemo.shared.keys import new_key, public_openssh
from fedchemo.shared.wire.objects import put_together
from tests.networked import until


class Played:
    """A coordinator without a listener, and sites that call its routes directly."""

    def __init__(self, count: int) -> None:
        roster = {f"site{n:02d}": public_openssh(new_key().public_key()) for n in range(count)}
        self.link = Link(roster, lost_after_s=1000)
        self.routes = Routes(self.link)
        self.nodes = {}
        for key, node in self.link.nodes.items():
            self.routes.activate(fleet_pb2.ActivateNodeRequest(public_key=key, heartbeat_interval=30))
            self.nodes[self.link.names[node]] = Node(node_id=node)
        self.coordinator = object.__new__(module.Coordinator)
        self.coordinator._link = self.link

    def take(self, site: str) -> Message | None:
        node = self.nodes[site]
        response = self.routes.pull_messages(fleet_pb2.PullMessagesRequest(node=node))
        if not response.messages_list:
            return None
        message_id = response.message_object_trees[0].object_id
        run_id = response.messages_list[0].metadata.run_id
        contents, pending = {}, [response.message_object_trees[0]]
        while pending:
            tree = pending.pop()
            pending.extend(tree.children)
            request = message_pb2.PullObjectRequest(node=node, run_id=run_id, object_id=tree.object_id)
            stored = self.routes.pull_object(request)
            response = message_pb2.PullObjectResponse.FromString(stored.head + stored.content)
            contents[tree.object_id] = response.object_content
        self.routes.confirm(
            message_pb2.ConfirmMessageReceivedRequest(node=node, run_id=run_id, message_object_id=message_id)
        )
        return put_together(message_id, contents, largest=2**30)

    def give(self, site: str, reply: Message, *, most: int | None = None) -> None:
        node, parcel = self.nodes[site], pack(reply, 0.1)
        response = self.routes.push_messages(
            fleet_pb2.PushMessagesRequest(
                node=node,
                messages_list=[parcel.head],
                message_object_trees=[parcel.tree],
                clientapp_runtime_list=[0.1],
            )
        )
        for object_id in list(response.objects_to_push)[:most]:
            whole = parcel.objects[object_id].deflate()
            self.link.state.store_object(parcel.run_id, response.session_id, object_id, whole)
        self.link.arrived.set()


@pytest.fixture
def played():
    return Played(2)


def content(weights, **metrics) -> RecordDict:
    record = RecordDict({"arrays": ArrayRecord({"weights": Array(np.asarray(weights, np.float32))})})
    if metrics:
        record["metrics"] = MetricRecord(metrics)
    return record


def order(grid, weights=(1.0,)) -> list[Message]:
    shared = content(weights)
    return [Message(shared, node, "train") for node in grid.sites().values()]


def test_replies_come_one_by_one_in_the_name_of_their_sites(played):
    first_came = threading.Event()

    def play() -> None:
        for site in ("site01", "site00"):
            message = until(lambda site=site: played.take(site))
            played.give(site, Message(content([2.0]), reply_to=message))
            assert first_came.wait(30), "a reply is not kept back until the others are there"

    seen = []
    with played.coordinator.grid() as grid:
        thread = threading.Thread(target=play)
        thread.start()
        for reply in grid.replies(order(grid), timeout=30):
            first_came.set()
            seen.append((played.link.names[reply.metadata.src_node_id], reply.metadata.message_type))
        thread.join()
        assert seen == [("site01", "train"), ("site00", "train")]
        assert len(played.link.store) == 0


def test_nothing_stays_when_the_caller_stops_asking(played):
    with played.coordinator.grid() as grid:
        ids = grid.push_messages(order(grid))
        message = played.take("site00")
        played.give("site00", Message(content([2.0]), reply_to=message))
        assert len(played.link.store) > 0
        for message_id in ids:
            grid._release(message_id)
        assert len(played.link.store) == 0
        assert played.link.state.num_message_ins() == played.link.state.num_message_res() == 0
        late = played.take("site01")
        assert late is None, "a withdrawn message is not handed out"


def test_a_reply_is_not_yielded_before_its_last_object(played):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        reply = Message(content([2.0]), reply_to=played.take("site00"))
        played.give("site00", reply, most=2)
        assert list(grid.pull_messages(ids)) == []
        played.give("site00", reply)  # the connection broke, and the site begins the delivery anew
        assert len(list(grid.pull_messages(ids))) == 1


def test_a_site_lost_in_the_middle_of_its_upload_is_an_error(played):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        played.give("site00", Message(content([2.0]), reply_to=played.take("site00")), most=2)
        played.link.state.deactivate_node(played.nodes["site00"].node_id)
        (error,) = grid.pull_messages(ids)
        assert (error.error.reason, error.metadata.src_node_id) == ("FC611", played.nodes["site00"].node_id)


@pytest.mark.parametrize("ahead_s", [-86400, 86400, 400 * 86400])
def test_a_clock_that_is_set_takes_nothing_from_a_run(played, ahead_s, monkeypatch):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        message = played.take("site00")
        for module in ("server.superlink.linkstate.in_memory_linkstate", "server.superlink.linkstate.utils",
                       "supercore.corestate.in_memory_corestate", "server.utils.validator"):  # fmt: skip
            flower = importlib.import_module(f"flwr.{module}")
            if hasattr(flower, "now"):
                shifted = dt.timedelta(seconds=ahead_s)
                monkeypatch.setattr(flower, "now", lambda now=flower.now, shifted=shifted: now() + shifted)
        played.give("site00", Message(content([2.0]), reply_to=message))
        assert [reply.has_error() for reply in grid.pull_messages(ids)] == [False]
        assert sorted(grid.sites()) == ["site00", "site01"]
        played.give("site01", Message(content([2.0]), reply_to=played.take("site01")))
        assert [reply.has_error() for reply in grid.pull_messages(ids)] == [False]
        assert len(grid.push_messages(order(grid))) == 2, "the run goes on"
        played.link.state.deactivate_node(played.nodes["site00"].node_id)
        assert sorted(grid.sites()) == ["site01"]


@pytest.mark.parametrize(
    "garbage", [b"", b"\0", b"Message  0\0", b"RecordDict  2\0{}", b"Array  2\0{}", b"nonsense"]
)
def test_garbage_from_a_site_is_an_error_and_no_more(played, garbage):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        played.give("site00", Message(content([2.0]), reply_to=played.take("site00")))
        played.give("site01", Message(content([2.0]), reply_to=played.take("site01")))
        (bad_id,) = (
            reply.metadata.message_id
            for reply in played.link.state.message_res_store.values()
            if reply.metadata.src_node_id == played.nodes["site00"].node_id
        )
        played.link.store.store[bad_id].content = garbage or b"x"
        answers = {played.link.names[m.metadata.src_node_id]: m for m in grid.pull_messages(ids)}
        assert answers["site00"].error.reason == "FC612"
        assert answers["site01"].has_content()


def test_a_reply_of_far_more_than_the_model_that_was_sent_is_an_error(played):
    """Of 100 MB of zeros three pieces of 5 MB are sent."""
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        played.give("site00", Message(content(np.zeros(25_000_000)), reply_to=played.take("site00")))
        (error,) = grid.pull_messages(ids)
        assert error.error.reason == "FC612"


def test_a_reply_may_be_twice_as_long_as_the_model_that_was_sent(played):
    weights = np.zeros(4_000_000)
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid, weights)))
        reply = Message(content(np.concatenate((weights, weights))), reply_to=played.take("site00"))
        played.give("site00", reply)
        (good,) = grid.pull_messages(ids)
        assert good.has_content()


def test_a_reply_cannot_pretend_to_come_from_another_site_by_its_objects(played):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        taken = played.take("site00")
        reply = Message(content([2.0]), reply_to=taken)
        reply.metadata.__dict__["_src_node_id"] = played.nodes["site01"].node_id
        parcel = pack(reply, 0.0)
        parcel.head.metadata.src_node_id = played.nodes["site00"].node_id
        response = played.routes.push_messages(
            fleet_pb2.PushMessagesRequest(
                node=played.nodes["site00"],
                messages_list=[parcel.head],
                message_object_trees=[parcel.tree],
                clientapp_runtime_list=[0.0],
            )
        )
        for object_id in response.objects_to_push:
            played.link.state.store_object(
                parcel.run_id, response.session_id, object_id, parcel.objects[object_id].deflate()
            )
        (answer,) = grid.pull_messages(ids)
        assert played.link.names[answer.metadata.src_node_id] == "site00"


def test_flowers_own_strategy_works_on_this_grid(played):
    with played.coordinator.grid() as grid:
        strategy = FedAvg(fraction_evaluate=0, min_train_nodes=2, min_available_nodes=2)
        sent = list(strategy.configure_train(1, content([1.0, 2.0])["arrays"], ConfigRecord({}), grid))
        ids = set(grid.push_messages(sent))
        for site, value in (("site00", 1.0), ("site01", 3.0)):
            message = played.take(site)
            assert message.content["config"]["server-round"] == 1
            update = content([value, value], **{"num-examples": 1})
            played.give(site, Message(update, reply_to=message))
        mean, _ = strategy.aggregate_train(1, list(grid.pull_messages(ids)))
        np.testing.assert_array_equal(next(iter(mean.values())).numpy(), [2.0, 2.0])


def peak_bytes(sites: int, *, model: int) -> int:
    """Return the most memory that a round takes in which one site answers after another."""
    played, rng = Played(sites), np.random.default_rng(0)
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid, rng.random(model))))
        gc.collect()
        tracemalloc.start()
        for site in sorted(played.nodes):
            message = played.take(site)
            played.give(site, Message(content(rng.random(model)), reply_to=message))
            (reply,) = grid.pull_messages(ids)
            ids.discard(reply.metadata.reply_to_message_id)
            del reply, message
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_sites():
    assert peak_bytes(40, model=250_000) < 1.1 * peak_bytes(4, model=250_000)


def test_only_lost_work_is_handed_out_again(played):
    """A question for work from before the order was given does not make the order lost."""
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        message = played.take("site00")
        assert played.take("site00") is None, "it asks again: the message is lost"
        grid._send_again(played.link.take_idle())
        again = played.take("site00")
        assert again.metadata.message_id == message.metadata.message_id
        played.give("site00", Message(content([2.0]), reply_to=again))
        assert played.take("site00") is None, "the reply is here, and only not looked at yet"
        assert len(list(grid.pull_messages(ids))) == 1
        for message_id in ids:
            grid._release(message_id)

        handed_out = []

        def play() -> None:
            for site in played.nodes:
                message = until(lambda site=site: played.take(site))
                handed_out.append(site)
                played.give(site, Message(content([2.0]), reply_to=message))

        thread = threading.Thread(target=play)
        thread.start()
        assert len(list(grid.replies(order(grid), timeout=30))) == 2
        thread.join()
        assert sorted(handed_out) == ["site00", "site01"]
        assert played.link.state.num_message_ins() == 0


def test_a_message_to_no_site_is_not_waited_for(played):
    with played.coordinator.grid() as grid:
        assert list(grid.replies([Message(content([1.0]), 12345, "train")], timeout=5)) == []


def test_a_late_reply_is_noted_once_and_only_from_the_site_that_was_asked(played):
    with played.coordinator.grid() as grid:
        assert list(grid.replies(order(grid), timeout=30, go_on=lambda: False)) == []
        ids = grid.push_messages(order(grid))
        messages = {site: played.take(site) for site in ("site00", "site01")}
        for message_id in ids:
            grid._give_up(message_id)
        assert grid.late() == {}
        asked = messages["site00"].metadata.message_id
        played.link.note_reply(asked, played.nodes["site01"].node_id)
        played.link.note_reply("f" * 64, played.nodes["site00"].node_id)
        assert grid.late() == {}, "who was not asked, and what nobody asked, is nothing"
        for _ in range(2):
            played.give("site00", Message(content([2.0]), reply_to=messages["site00"]))
        assert list(grid.late()) == [asked]
        assert grid.late() == {}
        assert len(played.link.store) == 0


def test_a_reply_in_time_is_never_late(played):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        message = played.take("site00")
        played.give("site00", Message(content([2.0]), reply_to=message))
        assert len(list(grid.pull_messages(ids))) == 1
        played.give("site00", Message(content([2.0]), reply_to=message))  # its answer was lost on the way
        assert grid.late() == {}


def test_the_work_of_a_lost_site_may_come_late(played):
    with played.coordinator.grid() as grid:
        ids = set(grid.push_messages(order(grid)))
        message = played.take("site00")
        played.link.state.deactivate_node(played.nodes["site00"].node_id)
        (error,) = grid.pull_messages(ids)
        assert error.error.reason == "FC611"
        played.give("site00", Message(content([2.0]), reply_to=message))
        assert list(grid.late()) == [message.metadata.message_id]


def test_what_is_given_up_is_not_remembered_without_end(played, monkeypatch):
    monkeypatch.setattr("fedchemo.server.fleet.link.MOST_GIVEN_UP", 3)
    for number in range(5):
        played.link.give_up(str(number), 1)
    assert list(played.link._given_up) == ["2", "3", "4"]


def test_members_are_those_of_the_roster_online_or_not(played):
    with played.coordinator.grid() as grid:
        played.link.state.deactivate_node(played.nodes["site00"].node_id)
        assert sorted(grid.members()) == ["site00", "site01"]
        assert sorted(grid.sites()) == ["site01"]
