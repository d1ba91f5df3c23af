"""Whose turn it is to upload: few replies at a time lie in memory, however many sites answer at once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

REPLIES_AT_ONCE = 4
"""Enough that the line stays full while single uploads wait for their sites' round trips."""
TURN_S = 120.0

Caller: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Event]
"""A request that is left open, in the event loop that serves it."""


class Turns:
    """Turns to upload, first come, first served; safe from any thread and event loop.

    Whoever asks has a place in the queue until `end`, also while the request that asked is gone: a site whose
    request was given up asks again and loses nothing. A place without a request is passed over.

    Args:
        at_once: turns under way at a time.
        turn_s: seconds without progress after which a turn no longer keeps others waiting.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        at_once: int = REPLIES_AT_ONCE,
        *,
        turn_s: float = TURN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once, self._turn_s, self._clock = at_once, turn_s, clock
        # By node: when its turn ends; and who waits, in the order of coming.
        self._ends: dict[int, float] = {}
        self._queue: dict[int, Caller | None] = {}
        self._lock = threading.Lock()

    def ask(self, node: int) -> asyncio.Event:
        """Join the queue; return an event of the running loop to wait for, after which `has` tells.

        A node's second request wakes its first, whose caller has gone, and takes its place.
        """
        event = asyncio.Event()
        with self._lock:
            if node in self._ends:
                self._begin(node)
                event.set()
            else:
                _wake(self._queue.get(node))
                self._queue[node] = asyncio.get_running_loop(), event
                self._hand_out()
        return event

    def has(self, node: int) -> bool:
        """Return whether it is a node's turn."""
        with self._lock:
            return node in self._ends

    def leave(self, node: int, event: asyncio.Event) -> None:
        """Stop waiting for an event of `ask`, but keep the place in the queue."""
        with self._lock:
            caller = self._queue.get(node)
            if caller is not None and caller[1] is event:
                self._queue[node] = None

    def renew(self, node: int) -> None:
        """Note that an upload makes progress."""
        with self._lock:
            if node in self._ends:
                self._begin(node)

    def end(self, node: int) -> None:
        """End a turn or leave the queue for good, whichever it is; the next one's turn begins."""
        with self._lock:
            self._ends.pop(node, None)
            _wake(self._queue.pop(node, None))
            self._hand_out()

    def wake_all(self) -> None:
        """Wake every waiting request, turn or not."""
        with self._lock:
            for caller in self._queue.values():
                _wake(caller)

    def _begin(self, node: int) -> None:
        self._ends[node] = self._clock() + self._turn_s

    def _hand_out(self) -> None:
        now = self._clock()
        for node in [node for node, end in self._ends.items() if end <= now]:
            del self._ends[node]
        for node, caller in list(self._queue.items()):
            if len(self._ends) >= self._at_once:
                return
            if caller is not None:
                del self._queue[node]
                self._begin(node)
                _wake(caller)


def _wake(caller: Caller | None) -> None:
    if caller is not None:
        loop, event = caller
        with contextlib.suppress(RuntimeError):  # its listener has ended meanwhile
            loop.call_soon_threadsafe(event.set)
