"""Flow control over TLS: few replies lie in memory at a time, whatever the sites do, and all of them are taken."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Error, Message, RecordDict

from fedchemo.client.fleet.parcel import pack
from fedchemo.client.fleet.session import FleetSession
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.front import Limits
from tests.networked import by_site, federation, kit_of, messages, serving, until

pytestmark = pytest.mark.network
MODEL = np.random.default_rng(0).random(100_000, dtype=np.float32)
"""Large enough for a connection to be closed after it."""


def shifted(site: str):
    """Return an app that adds a number of the site's own."""

    def app(message: Message, _context: object) -> Message:
        weights = message.content["arrays"]["weights"].numpy() + np.float32(ord(site))
        return Message(RecordDict({"arrays": ArrayRecord({"weights": Array(weights)})}), reply_to=message)

    return app


class ByHand:
    """A site that does one thing after another as the test says."""

    def __init__(self, fed, site: str) -> None:
        self.session = FleetSession(kit_of(fed, site), heartbeat=30)
        self.session.activate()

    def answered(self, site: str = "A"):
        """Take the message and return the reply, packed."""
        message = self.session.fetch(until(self.session.poll))
        return pack(shifted(site)(message, None), 0.1)


@contextlib.contextmanager
def asking(grid, *, timeout: float = 60):
    """Collect the answers to one message a site in a thread; yield where they will be."""
    got: dict[str, object] = {}
    replies = grid.replies(messages(grid, MODEL), timeout=timeout)
    thread = threading.Thread(target=lambda: got.update(by_site(grid, replies)))
    thread.start()
    yield got
    thread.join(timeout + 10)
    assert not thread.is_alive()


@pytest.mark.parametrize("hold_s", [20.0, 0.2])
def test_twelve_sites_at_once_and_never_more_than_three_replies_in_memory(tmp_path, hold_s):
    sites = tuple("ABCDEFGHIJKL")
    fed = federation(tmp_path / "fed", sites=sites)
    ready = threading.Barrier(len(sites))

    def together(site: str):
        def app(message: Message, context: object) -> Message:
            ready.wait(30)
            return shifted(site)(message, context)

        return app

    with (
        Coordinator(fed.path, limits=Limits(replies=3, hold_s=hold_s)) as coordinator,
        coordinator.grid() as grid,
        contextlib.ExitStack() as stack,
    ):
        for site in sites:
            stack.enter_context(serving(kit_of(fed, site), together(site)))
        until(lambda: len(grid.sites()) == len(sites))
        stored = []
        put = grid._store.put

        def spy(object_id: str, content: bytes) -> None:
            put(object_id, content)
            stored.append(grid._link.state.num_message_res())

        grid._store.put = spy
        with asking(grid) as got:
            pass
        for site in sites:
            np.testing.assert_array_equal(got[site], MODEL + np.float32(ord(site)))
        assert max(stored) == 3
        assert not grid._link.turns._ends
        assert not grid._link.turns._queue
        assert len(grid._link.store) == 0


@pytest.fixture
def one_at_a_time(tmp_path):
    fed = federation(tmp_path / "fed", sites=("A", "B"))
    limits = Limits(replies=1, hold_s=0.3)
    with (
        Coordinator(fed.path, limits=limits, lost_after_s=2.0) as coordinator,
        coordinator.grid() as grid,
    ):
        yield fed, grid


def test_a_site_that_dies_in_its_turn_does_not_keep_the_others_waiting(one_at_a_time):
    fed, grid = one_at_a_time
    dying, other = ByHand(fed, "A"), ByHand(fed, "B")
    with asking(grid) as got:
        parcel, reply = dying.answered(), other.answered("B")
        begun = dying.session.announce(parcel)
        assert begun.objects_to_push
        dying.session._push(parcel, begun.session_id, begun.objects_to_push[0])
        dying.session.close()
        assert other.session.announce(reply) is None, "the control: it is not B's turn before A is lost"
        assert other.session.upload(reply, until(lambda: other.session.announce(reply)))
    assert got["A"] == "FC611"
    np.testing.assert_array_equal(got["B"], MODEL + np.float32(ord("B")))
    other.session.close()


def test_a_site_that_leaves_in_its_turn_ends_it(one_at_a_time):
    fed, grid = one_at_a_time
    leaving, other = ByHand(fed, "A"), ByHand(fed, "B")
    with asking(grid) as got:
        parcel, reply = leaving.answered(), other.answered("B")
        assert leaving.session.announce(parcel)
        leaving.session.leave()
        assert other.session.upload(reply, until(lambda: other.session.announce(reply)))
    assert got["A"] == "FC611"
    assert "B" in got


def test_an_error_needs_no_turn(one_at_a_time):
    fed, grid = one_at_a_time
    slow, failing = ByHand(fed, "A"), ByHand(fed, "B")
    with asking(grid) as got:
        parcel = slow.answered()
        begun = slow.session.announce(parcel)
        message = failing.session.fetch(until(failing.session.poll))
        error = pack(Message(Error(900, "FC903"), reply_to=message), 0.1)
        assert failing.session.announce(error) is not None
        until(lambda: not grid._link.has_lost_work(failing.session._node.node_id), what="the error is taken")
        assert slow.session.upload(parcel, begun)
    assert got["B"] == "FC903"
    np.testing.assert_array_equal(got["A"], MODEL + np.float32(ord("A")))


def test_the_end_of_an_exchange_ends_its_turns_and_lets_who_waits_go(one_at_a_time):
    fed, grid = one_at_a_time
    first, second = ByHand(fed, "A"), ByHand(fed, "B")
    with asking(grid, timeout=1.0) as got:
        parcel, late = first.answered(), second.answered("B")
        assert first.session.announce(parcel)
        assert second.session.announce(late) is None
    assert got == {}
    answer = second.session.announce(late)
    assert answer is not None
    assert not answer.objects_to_push, "nobody wants it any more"
    assert not grid._link.turns._ends
    assert not grid._link.turns._queue


def test_nobody_can_take_a_turn_for_what_it_was_not_sent(one_at_a_time):
    fed, grid = one_at_a_time
    hand = ByHand(fed, "A")
    (message,) = messages(grid, MODEL)
    made_up = pack(shifted("A")(Message(message.content, hand.session._node.node_id, "train"), None), 0.1)
    made_up.head.metadata.run_id = grid.run.run_id
    answer = hand.session.announce(made_up)
    assert answer is not None
    assert not answer.objects_to_push
    assert not grid._link.turns._ends


@pytest.fixture
def held(tmp_path):
    """A node, B, whose reply waits for its turn, and A, in whose turn it is."""
    fed = federation(tmp_path / "fed", sites=("A", "B"))
    begun = threading.Event()

    def second(message: Message, context: object) -> Message:
        assert begun.wait(30)
        return shifted("B")(message, context)

    with (
        Coordinator(fed.path, limits=Limits(replies=1)) as coordinator,
        coordinator.grid() as grid,
        serving(kit_of(fed, "B"), second) as (node, events),
    ):
        first = ByHand(fed, "A")
        until(lambda: len(grid.sites()) == 2)
        with asking(grid) as got:
            parcel = first.answered()
            asked = first.session.announce(parcel)
            begun.set()
            until(lambda: grid._link.turns._queue, what="B waits for its turn")
            yield grid, node, events, got
            assert first.session.upload(parcel, asked)
        np.testing.assert_array_equal(got["A"], MODEL + np.float32(ord("A")))


def test_a_site_that_is_stopped_while_it_waits_for_its_turn_leaves_at_once(held):
    _, node, events, _ = held
    node.stop()
    until(lambda: events.of("stopped"), seconds=10, what="its question would stay open for 20 s")
    assert not events.of("replied")


def test_a_site_that_waits_for_its_turn_gives_signs_of_life(held):
    """So that it may wait for longer than a silence after which it would be lost."""
    grid, _, events, _ = held
    link, (place,) = grid._link, grid._link.turns._queue.items()
    seen = link._seen[place[0]]
    until(lambda: link._seen[place[0]] > seen, what="a sign of life, on another connection")
    assert list(link.turns._queue.items()) == [place], "the question is still open"
    assert not events.of("disconnected")
