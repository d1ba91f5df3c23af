"""Turns to upload: never too many at a time, in the order of asking, and none is held for ever."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.server.fleet.turns import Turns


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def asked(turns: Turns, *nodes: int) -> dict[int, asyncio.Event]:
    events = {node: turns.ask(node) for node in nodes}
    await asyncio.sleep(0)
    return events


def test_first_come_first_served():
    async def play() -> None:
        turns = Turns(2)
        events = await asked(turns, 1, 2, 3, 4)
        assert [node for node, event in events.items() if event.is_set()] == [1, 2]
        for done, following in ((2, 3), (1, 4)):
            turns.end(done)
            await asyncio.wait_for(events[following].wait(), 5)
            assert turns.has(following)
            assert not turns.has(done)

    asyncio.run(play())


def test_a_place_is_kept_for_who_asks_again_and_passed_over_meanwhile():
    async def play() -> None:
        turns = Turns(1)
        events = await asked(turns, 1, 2, 3, 4)
        turns.leave(2, events[2])
        turns.end(1)
        assert turns.has(3), "nobody is there to take 2's turn"
        await asked(turns, 2)
        turns.end(3)
        assert turns.has(2), "it asked before 4 did"

    asyncio.run(play())


def test_a_second_request_of_a_node_takes_the_place_of_its_first():
    async def play() -> None:
        turns = Turns(1)
        events = await asked(turns, 1, 2)
        again = (await asked(turns, 2))[2]
        assert events[2].is_set(), "its caller has gone, and need not wait any longer"
        turns.leave(2, events[2])
        turns.end(1)
        await asyncio.wait_for(again.wait(), 5)
        assert (await asked(turns, 2))[2].is_set(), "a turn that has begun is not waited for"

    asyncio.run(play())


def test_a_turn_without_progress_runs_out():
    async def play() -> None:
        clock = Clock()
        turns = Turns(1, turn_s=10, clock=clock)
        events = await asked(turns, 1, 2)
        clock.now = 9
        turns.renew(1)
        clock.now = 18
        assert not (await asked(turns, 3))[3].is_set(), "1 made progress at 9"
        clock.now = 19
        await asked(turns, 4)
        assert turns.has(2)
        assert not turns.has(1)
        assert events[2].is_set()

    asyncio.run(play())


@pytest.mark.parametrize("end", [True, False])
def test_who_leaves_for_good_is_woken_without_a_turn(end):
    async def play() -> None:
        turns = Turns(1)
        events = await asked(turns, 1, 2)
        turns.end(2) if end else turns.wake_all()
        await asyncio.wait_for(events[2].wait(), 5)
        assert not turns.has(2)

    asyncio.run(play())


@given(st.lists(st.tuples(st.sampled_from(["ask", "leave", "end"]), st.integers(0, 5)), max_size=60))
def test_whatever_happens_no_turn_is_lost_and_none_is_given_twice(steps):
    async def play() -> None:
        turns, last = Turns(2), {}
        for kind, node in steps:
            if kind == "ask":
                last[node] = turns.ask(node)
            elif kind == "leave" and node in last:
                turns.leave(node, last[node])
            elif kind == "end":
                turns.end(node)
            under_way = sum(turns.has(number) for number in range(6))
            present = sum(caller is not None for caller in turns._queue.values())
            assert under_way <= 2
            assert under_way == 2 or not present, "a turn is free and somebody waits"

    asyncio.run(play())


def test_two_event_loops_and_a_thread_share_the_turns():
    turns, most, lock, now = Turns(3), [0], threading.Lock(), set()

    async def upload(node: int) -> None:
        await asyncio.wait_for(turns.ask(node).wait(), 20)
        with lock:
            now.add(node)
            most[0] = max(most[0], len(now))
        await asyncio.sleep(node % 5 / 1000)
        with lock:
            now.remove(node)
        threading.Thread(target=turns.end, args=(node,)).start()

    async def many(nodes: range) -> None:
        await asyncio.gather(*(upload(node) for node in nodes))

    threads = [
        threading.Thread(target=lambda start=start: asyncio.run(many(range(start, 40, 2))))
        for start in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert most == [3]
