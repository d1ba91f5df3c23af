"""The line between one hospital and the coordinator: a TCP relay that is slow, breaks, falls silent or garbles.

It knows nothing of TLS: what it does to bytes is what a line does to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

READ = 64 * 1024


class Line:
    """One hospital's line.

    Args:
        listen: TCP port that the hospital's kit names.
        forward: the coordinator's port.
        latency_s: how long a piece takes, each way, on a good day.
    """

    def __init__(self, listen: int, forward: int, *, latency_s: float) -> None:
        self.listen, self.forward = listen, forward
        self.good_s = self.latency_s = latency_s
        self.refuses = False
        """Whether connections are closed as soon as they are made."""
        self._to_garble = 0
        self._garbled = 0
        self._passes: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._open: set[asyncio.StreamWriter] = set()

    async def begin(self) -> asyncio.Server:
        self._loop, self._passes = asyncio.get_running_loop(), asyncio.Event()
        self._passes.set()
        return await asyncio.start_server(self._serve, "127.0.0.1", self.listen)

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self.abort)

    def silence(self) -> None:
        """Let nothing through and say nothing about it, as a VPN that has dropped."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def restore(self) -> None:
        """Be a good line again; what a silence held back is delivered."""
        self.refuses, self.latency_s, self._to_garble = False, self.good_s, 0
        self._loop.call_soon_threadsafe(self._passes.set)

    def garble(self, pieces: int, *, within_s: float) -> int:
        """Change one bit in each of the next pieces, whichever way they go; return in how many."""
        self._garbled, self._to_garble = 0, pieces
        end = time.monotonic() + within_s
        while self._garbled < pieces and time.monotonic() < end:
            time.sleep(0.02)
        self._to_garble = 0
        return self._garbled

    def abort(self) -> None:
        """Reset every connection, from the thread of the lines."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._known(writer))
            if self.refuses:
                return
            try:
                onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.forward)
            except OSError:  # the coordinator is not there
                return
            stack.enter_context(self._known(onward))
            pumps = {
                asyncio.ensure_future(self._pump(reader, onward)),
                asyncio.ensure_future(self._pump(onward_reader, writer)),
            }
            # Each half may end; the relay passes that on by ending both, since TLS here never half-closes.
            _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in left:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    @contextlib.contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(READ):
            await asyncio.sleep(self.latency_s)
            await self._passes.wait()
            if self._to_garble > self._garbled:
                piece = piece[:-1] + bytes([piece[-1] ^ 1])
                self._garbled += 1
            writer.write(piece)
            await writer.drain()
        await asyncio.sleep(0)


@contextlib.contextmanager
def laid(lines: list[Line]) -> Iterator[None]:
    """Serve lines in a thread while the context lasts."""
    ready, over, loops = threading.Event(), asyncio.Event(), []

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for line in lines:
                await stack.enter_async_context(await line.begin())
            loops.append(asyncio.get_running_loop())
            ready.set()
            await over.wait()
            for line in lines:
                line.abort()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="lines", daemon=True)
    thread.start()
    assert ready.wait(10), "the lines are laid"
    try:
        yield
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(timeout=10)
