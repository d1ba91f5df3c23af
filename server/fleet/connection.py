"""One connection of a site, or of anybody else who found the port: it costs little, whatever is sent or not sent."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BUFFERS = 4 * 2**20
"""Bytes that may wait, in each direction, on one connection of every site together."""
SMALLEST_BUFFER, LARGEST_BUFFER = 16 * 1024, 128 * 1024
"""A record of TLS; and what few sites may have each, which is twice as fast."""
HEAD_S = 15.0
"""Longest time for the head of a request to arrive, and for the first request of a connection to begin."""
LONGEST_HEAD = 32 * 1024
"""Bytes of a request's head; a site's takes less than 1 KB."""
SHARE_OF_ONE_ADDRESS = 0.75
"""Of all connections, so many may come from one address: hospitals may share a proxy, a stranger must leave room."""


class Addresses:
    """How many connections each address has open; safe from any thread.

    Args:
        most: connections of one address.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, address: str) -> bool:
        """Count a new connection; return whether there is room for it."""
        with self._lock:
            self._open[address] += 1
            return self._open[address] <= self._most

    def leave(self, address: str) -> None:
        """Count a connection that has ended."""
        with self._lock:
            self._open[address] -= 1
            if self._open[address] <= 0:
                del self._open[address]


def buffer_bytes(sites: int) -> int:
    """Return how many bytes may wait on a connection, in each direction, where there are so many sites."""
    return max(SMALLEST_BUFFER, min(LARGEST_BUFFER, BUFFERS // max(sites, 1)))


def connection_class(addresses: Addresses, *, buffer: int) -> type[HttpToolsProtocol]:
    """Return the protocol of every connection of a listener.

    Args:
        addresses: who has how many connections.
        buffer: bytes that may wait, in each direction.
    """

    class Connection(FrugalConnection):
        peers, waiting_bytes = addresses, buffer

    return Connection


class FrugalConnection(HttpToolsProtocol):
    """A connection that keeps little in memory and does not wait for ever.

    OpenSSL never gives back the most that ever waited on a connection: by default a quarter of a megabyte to be
    read and half of one to be sent. With small limits, it waits in the system's buffers instead.

    uvicorn waits without limit for the head of a request, and takes a head of any length.
    """

    peers: Addresses
    waiting_bytes: int

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._address = ""
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if the address has not too many connections already."""
        super().connection_made(cast("asyncio.Transport", transport))
        secured = cast("Any", transport)  # both limits are those of asyncio's and uvloop's TLS transports
        secured.set_write_buffer_limits(high=self.waiting_bytes)
        secured.set_read_buffer_limits(high=self.waiting_bytes)
        self._address = self.client[0] if self.client else ""
        if not self.peers.enter(self._address):
            secured.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.peers.leave(self._address)
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a head that is too long, or too slow, ends the connection."""
        if self._awaits_head():
            if self._head_timer is None:
                self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._awaits_head():
            self._forget_timer()
            self._head_bytes = 0
        elif self._head_bytes > LONGEST_HEAD:
            self.transport.abort()

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        if self._awaits_head():
            self.transport.abort()

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
