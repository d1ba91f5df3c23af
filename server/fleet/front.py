"""The coordinator's public face: a small ASGI application that serves Flower's Fleet API and nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from flwr.supercore.error import FlowerError
from flwr.supercore.error.catalog import API_ERROR_MAP
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from fedchemo.server.fleet.authentication import NotAuthenticatedError, check_claim, signer
from fedchemo.server.fleet.link import Link
from fedchemo.server.fleet.routes import ACTIVATE, PULL_MESSAGES, RefusedError, Routes

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Tell = Callable[[str, Mapping[str, object]], None]

FLEET = "/v1/fleet/"
LARGE = 64 * 1024
"""Bodies above this are hashed and parsed outside the event loop."""
STRANGERS_BODY = 4 * 1024
"""A stranger needs no more than this to be told that it is one."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a site may cost.

    Args:
        body_bytes: largest body; flwr sends arrays in pieces of 5 MB.
        body_s: longest time for a body to arrive.
        hold_s: longest time that a question for work is left open.
    """

    body_bytes: int = 16 * 2**20
    body_s: float = 120.0
    hold_s: float = 20.0


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain"


class FleetFront:
    """ASGI application over a `Link`.

    Args:
        link: the federation's state.
        limits: what a site may cost.
        tell: called with ``site_online`` and ``site_refused``, in the thread of the listener.
    """

    def __init__(self, link: Link, *, limits: Limits, tell: Tell) -> None:
        self._link, self._limits, self._tell = link, limits, tell
        self._routes = Routes(link)
        self._closing = False

    def close(self) -> None:
        """Answer what is waiting, and every later request with 503."""
        self._closing = True
        self._link.wake_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = await self._answer(scope, receive)
        if answer is not None:
            headers = [
                (b"content-type", answer.media_type.encode()),
                (b"content-length", str(len(answer.body)).encode()),
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the response, or None if the caller has gone."""
        path: str = scope["path"]
        if path == "/health" and scope["method"] == "GET":
            return Answer(200, b"ok\n")
        name = path.removeprefix(FLEET)
        if not path.startswith(FLEET) or name not in self._routes.handlers or scope["method"] != "POST":
            return Answer(404)
        if self._closing:
            return Answer(503)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        try:
            return await self._serve(name, headers, receive)
        except Exception as error:  # noqa: BLE001 - whatever happens, nothing internal goes out
            return self._problem(error, name, scope)

    def _problem(self, error: Exception, name: str, scope: Scope) -> Answer:
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
            peer = scope.get("client") or ("unknown",)
            self._tell("site_refused", {"peer": str(peer[0]), "status": status, "code": code})
        return Answer(status, json.dumps(content).encode(), "application/json")

    async def _serve(self, name: str, headers: Mapping[str, str], receive: Receive) -> Answer | None:
        key = signer(headers)
        limit = self._limits.body_bytes if key in self._link.nodes else STRANGERS_BODY
        body = await self._read(headers, receive, limit)
        if body is None:
            return None

        def work() -> tuple[Protobuf, Protobuf]:
            request = self._routes.requests[name]()
            request.ParseFromString(body)
            check_claim(request, key, self._link.nodes)
            if name == ACTIVATE:
                self._routes.check_version(headers)
            else:
                self._link.saw(self._link.nodes[key])
            return request, self._routes.handlers[name](request)

        request, response = await asyncio.to_thread(work) if len(body) > LARGE else work()
        if name == ACTIVATE:
            self._tell("site_online", {"site": self._link.names[response.node_id]})
        elif name == PULL_MESSAGES:
            held = response if response.messages_list else await self._hold(request, receive)
            if held is None:
                return None
            response = held
        elif name in {"push-messages", "push-object"}:
            self._link.arrived.set()
        return Answer(200, response.SerializeToString(), PROTOBUF_MEDIA_TYPE)

    async def _read(self, headers: Mapping[str, str], receive: Receive, limit: int) -> bytes | None:
        """Return the body, or None if the caller has gone."""
        parts: list[bytes] = []
        announced = headers.get("content-length", "0")
        left = limit - int(announced) if announced.isdigit() else -1
        if left >= 0:
            left = limit
        try:
            async with asyncio.timeout(self._limits.body_s):
                more = left >= 0
                while more:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        return None
                    part = event.get("body", b"")
                    parts.append(part)
                    left -= len(part)
                    more = event.get("more_body", False) and left >= 0
        except TimeoutError:
            raise RefusedError(408, "body came too slowly") from None
        if left < 0:
            raise RefusedError(413, "body too large")
        return b"".join(parts)

    async def _hold(self, request: Protobuf, receive: Receive) -> Protobuf | None:
        """Leave a question for work open until there is some; return None if the site has hung up."""
        woken = self._link.watch(request.node.node_id)
        response = self._routes.pull_messages(request)  # a message may have come before the watch began
        if response.messages_list or self._closing:
            return response
        gone, work = asyncio.ensure_future(receive()), asyncio.ensure_future(woken.wait())
        try:
            await asyncio.wait({gone, work}, timeout=self._limits.hold_s, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() or not self._link.watches(request.node.node_id, woken):
                return None
        finally:
            gone.cancel()
            work.cancel()
        return self._routes.pull_messages(request)
