"""The coordinator's public face: a small ASGI application that serves Flower's Fleet API and nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flwr.proto.fleet_pb2 import ActivateNodeRequest, ActivateNodeResponse
from flwr.supercore.error import FlowerError
from flwr.supercore.error.catalog import API_ERROR_MAP
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from fedchemo.server.fleet.authentication import NotAuthenticatedError, check_claim, claimed_key, signer
from fedchemo.server.fleet.connection import SMALLEST_BUFFER
from fedchemo.server.fleet.link import Link
from fedchemo.server.fleet.rates import Buckets, Rate
from fedchemo.server.fleet.routes import (
    ACTIVATE,
    PULL_MESSAGES,
    PUSH_MESSAGES,
    PUSH_OBJECT,
    PushedObject,
    RefusedError,
    Routes,
    StoredObject,
)
from fedchemo.server.fleet.turns import REPLIES_AT_ONCE
from fedchemo.shared.wire.versions import QUESTION, Versions, difference

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Tell = Callable[[str, Mapping[str, object]], None]

Result = TypeVar("Result")

FLEET = "/v1/fleet/"
LARGE = 64 * 1024
"""Bodies above this are hashed and parsed outside the event loop."""
STRANGERS_BODY = 4 * 1024
"""A stranger needs no more than this to be told that it is one."""
LINE = bytes(2**20)
"""Sent to a site that asks whether it would be let in, so that it sees how fast its line is."""
MEMBERS_CODES = frozenset({"FC303", "FC607", "FC609"})
"""Refusals of sites of the roster: they are told what runs here."""
# A round of a tiny model in 20 ms takes some 300 requests a second of a site.
SITES_RATE = Rate(per_s=400, burst=800)
STRANGERS_RATE = Rate(per_s=20, burst=200)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a site may cost.

    Args:
        body_bytes: largest body; flwr sends arrays in pieces of 5 MB.
        body_s: longest time for a body to arrive.
        hold_s: longest time that a question for work, or for a turn to upload, is left open.
        replies: replies with content that may be arriving, or wait to be taken, at a time.
        site: how often a site may ask.
        stranger: how often an address may ask that proves no site.
    """

    body_bytes: int = 16 * 2**20
    body_s: float = 120.0
    hold_s: float = 20.0
    replies: int = REPLIES_AT_ONCE
    site: Rate = SITES_RATE
    stranger: Rate = STRANGERS_RATE


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes = b""
    tail: bytes = b""
    """The rest of the body, if that lies in memory already."""
    media_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class FleetFront:
    """ASGI application over a `Link`.

    Args:
        link: the federation's state.
        limits: what a site may cost.
        tell: called with ``site_online`` and ``site_refused``, in the thread of the listener.
        piece: bytes of an object that are handed to a connection at a time.
    """

    def __init__(self, link: Link, *, limits: Limits, tell: Tell, piece: int = SMALLEST_BUFFER) -> None:
        self._piece = piece
        self._link, self._limits, self._tell = link, limits, tell
        self._routes = Routes(link)
        self._versions = Versions.here()
        self._closing = False
        self._sites, self._strangers = Buckets(limits.site), Buckets(limits.stranger)
        # As many as can work: each keeps memory of its own for the largest body it has seen.
        self._workers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fleet-bodies")

    def close(self) -> None:
        """Answer what is waiting, and every later request with 503."""
        self._closing = True
        self._link.wake_all()
        self._workers.shutdown(wait=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = await self._answer(scope, receive)
        if answer is not None:
            headers = [
                (b"content-type", answer.media_type.encode()),
                (b"content-length", str(len(answer.body) + len(answer.tail)).encode()),
                *((name.encode(), value.encode()) for name, value in answer.headers.items()),
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body, "more_body": bool(answer.tail)})
            # In pieces, so that only a slow site's next piece waits in its connection's buffers.
            for begin in range(0, len(answer.tail), self._piece):
                piece = memoryview(answer.tail)[begin : begin + self._piece]
                more = begin + self._piece < len(answer.tail)
                await send({"type": "http.response.body", "body": piece, "more_body": more})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the response, or None if the caller has gone."""
        peer = str((scope.get("client") or ("unknown",))[0])
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        # A hospital may share its address with whoever asks without end: its requests are looked at all the same.
        if self._strangers.empty(peer) and claimed_key(headers) not in self._link.nodes:
            return Answer(429)
        path: str = scope["path"]
        name = path.removeprefix(FLEET)
        if not path.startswith(FLEET) or name not in self._routes.handlers or scope["method"] != "POST":
            self._strangers.take(peer)
            return Answer(200, b"ok\n") if path == "/health" and scope["method"] == "GET" else Answer(404)
        if self._closing:
            return Answer(503)
        try:
            return await self._serve(name, headers, receive)
        except Exception as error:  # noqa: BLE001 - whatever happens, nothing internal goes out
            return self._problem(error, name, peer)

    def _problem(self, error: Exception, name: str, peer: str) -> Answer:
        """Return the answer to a request that failed."""
        code = ""
        content: Mapping[str, object]
        match error:
            case NotAuthenticatedError():
                status, content = 401, {"detail": "Invalid SuperNode authentication"}
            case FlowerError():
                spec = API_ERROR_MAP[error.code]
                status, content = spec.http_status_code, error.to_json(spec.public_message)
                code = error.public_details or ""
            case RefusedError():
                status, content = error.status, {"detail": error.detail}
            case DecodeError():
                status, content = 400, {"detail": "Invalid protobuf payload"}
            case _:
                status, content = 500, {"detail": "Internal server error."}
                log.error("%s failed", name, exc_info=error)
        if status == 401 or name == ACTIVATE:
            self._strangers.take(peer)
            self._tell("site_refused", {"peer": peer, "status": status, "code": code})
        told = self._versions.headers() if code in MEMBERS_CODES else {}
        return Answer(status, json.dumps(content).encode(), media_type="application/json", headers=told)

    async def _serve(self, name: str, headers: Mapping[str, str], receive: Receive) -> Answer | None:
        key = signer(headers)
        if key in self._link.nodes and not self._sites.take(key):
            raise RefusedError(429, "too many requests")
        limit = self._limits.body_bytes if key in self._link.nodes else STRANGERS_BODY
        body = await self._read(headers, receive, limit)
        if body is None:
            return None

        def read() -> Protobuf | PushedObject:
            request = self._routes.parsers[name](body)
            check_claim(request, key, self._link.nodes)
            if name == ACTIVATE and key in self._link.nodes:
                self._compare(headers, self._link.nodes[key])
            elif (node := self._link.nodes.get(key)) is not None:
                self._link.saw(node)
            return request

        def work() -> Protobuf | StoredObject:
            return self._routes.handlers[name](read())

        if name == ACTIVATE and QUESTION in headers:
            return self._standing(read())
        aside = len(body) > LARGE
        response: Protobuf | StoredObject | None
        if name in {PULL_MESSAGES, PUSH_MESSAGES}:
            request = await self._aside(read) if aside else read()
            response = await (self._pull if name == PULL_MESSAGES else self._push)(request, receive)
        else:
            response = await self._aside(work) if aside else work()
        if name == ACTIVATE:
            assert isinstance(response, ActivateNodeResponse)
            self._tell("site_online", {"site": self._link.names[response.node_id]})
        elif name in {PUSH_MESSAGES, PUSH_OBJECT}:
            self._link.arrived.set()
        match response:
            case None:
                return None
            case StoredObject():
                return Answer(200, response.head, response.content, PROTOBUF_MEDIA_TYPE)
            case _:
                told = self._versions.headers() if name == ACTIVATE else {}
                return Answer(200, response.SerializeToString(), media_type=PROTOBUF_MEDIA_TYPE, headers=told)

    def _compare(self, headers: Mapping[str, str], node: int) -> None:
        """Say how a site's versions differ from those here, and refuse what cannot work together."""
        found = difference(Versions.told(headers), self._versions)
        if found is not None:
            self._tell("warning", {"what": f"{self._link.names[node]}: {found.code}: {found.what}"})
        self._routes.check_version(headers)

    def _standing(self, request: Protobuf | PushedObject) -> Answer:
        """Tell a site that it would be let in, and whether a client with its kit is connected; let nobody in."""
        assert isinstance(request, ActivateNodeRequest)
        node = self._routes.member(request)
        standing = "online" if node in self._link.online().values() else "welcome"
        told = {**self._versions.headers(), QUESTION: standing}
        return Answer(200, tail=LINE, media_type="application/octet-stream", headers=told)

    async def _aside(self, work: Callable[[], Result]) -> Result:
        """Do what takes long outside the event loop."""
        if self._closing:
            raise RefusedError(503, "closing")
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _read(self, headers: Mapping[str, str], receive: Receive, limit: int) -> bytearray | None:
        """Return the body, or None if the caller has gone.

        It is put where it belongs as it comes: pieces that are joined later would need the room twice.
        """
        announced = headers.get("content-length", "")
        if not announced.isdigit():
            raise RefusedError(411, "no length")
        if int(announced) > limit:
            raise RefusedError(413, "body too large")
        body, filled, more = bytearray(int(announced)), 0, True
        try:
            async with asyncio.timeout(self._limits.body_s):
                while more:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        return None
                    part = event.get("body", b"")
                    body[filled : filled + len(part)] = part
                    filled += len(part)
                    more = event.get("more_body", False)
        except TimeoutError:
            raise RefusedError(408, "body came too slowly") from None
        return body

    async def _push(self, request: Protobuf, receive: Receive) -> Protobuf | None:
        """Take the head of a reply when it is its site's turn; return None if the site has hung up.

        Raises:
            RefusedError: 429 if the turn has not come yet; the site keeps its place for when it asks again.
        """
        turns, node = self._link.turns, request.node.node_id
        if not self._routes.takes_turn(request):
            return self._routes.push_messages(request)
        woken = turns.ask(node)
        try:
            gone = await self._wait(woken, receive)
        finally:
            turns.leave(node, woken)
        if gone:
            if turns.has(node):
                turns.end(node)
            return None
        if self._closing:
            raise RefusedError(503, "closing")
        if self._link.is_removed(node):
            raise NotAuthenticatedError
        if not turns.has(node) and self._routes.takes_turn(request):
            raise RefusedError(429, "not its turn yet")
        try:
            return self._routes.push_messages(request)
        finally:
            if not self._routes.takes_turn(request):  # withdrawn meanwhile: nobody else would end its turn
                turns.end(node)

    async def _pull(self, request: Protobuf, receive: Receive) -> Protobuf | None:
        """Leave a question for work open until there is some; return None if the site has hung up."""
        response = self._routes.pull_messages(request)
        if response.messages_list:
            return response
        node = request.node.node_id
        woken = self._link.watch(node)
        response = self._routes.pull_messages(request)  # a message may have come before the watch began
        if response.messages_list or self._closing:
            return response
        gone = await self._wait(woken, receive)
        if gone or not self._link.watches(node, woken):
            return None
        if self._link.is_removed(node):
            raise NotAuthenticatedError
        return self._routes.pull_messages(request)

    async def _wait(self, woken: asyncio.Event, receive: Receive) -> bool:
        """Wait for an event, as long as a request is held; return whether the site has hung up."""
        gone, work = asyncio.ensure_future(receive()), asyncio.ensure_future(woken.wait())
        try:
            await asyncio.wait({gone, work}, timeout=self._limits.hold_s, return_when=asyncio.FIRST_COMPLETED)
            return gone.done()
        finally:
            gone.cancel()
            work.cancel()
