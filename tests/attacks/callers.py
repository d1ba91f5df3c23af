"""Somebody who says what they like to the coordinator's port: strangers, members, thieves."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator

from flwr.proto.node_pb2 import Node
from google.protobuf.message import Message as Protobuf

from fedchemo.client.fleet.session import FleetSession
from fedchemo.client.fleet.transport import trusting
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import Kit
from tests.networked import kit_of

ROUTES = (
    "activate-node",
    "send-node-heartbeat",
    "pull-messages",
    "push-messages",
    "pull-object",
    "push-object",
    "confirm-message-received",
    "deactivate-node",
)
"""All that the coordinator offers."""


class Caller:
    """Signs whatever it sends with the key of a kit."""

    def __init__(self, kit: Kit) -> None:
        self.session = FleetSession(kit, heartbeat=10)
        self.node = Node()

    @classmethod
    def of(cls, fed: FederationFolder, site: str) -> Caller:
        """Return a caller with the kit of a site."""
        return cls(kit_of(fed, site))

    def join(self) -> Caller:
        """Be let in."""
        self.node = Node(node_id=self.session.activate())
        return self

    def send(
        self, route: str, request: Protobuf | bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request; return the status and the body of the answer."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        answer = self.session._work.post(
            f"/v1/fleet/{route}", headers or self.session._headers(), (body,), timeout=20
        )
        return answer.status, answer.body


def plain(
    kit: Kit,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> tuple[int, bytes]:
    """Send a request with the authority's certificate and nothing else; return status and body."""
    with connected(kit, context) as connection:
        connection.request(method, path, body, headers or {"content-type": "application/protobuf"})
        response = connection.getresponse()
        return response.status, response.read()


@contextlib.contextmanager
def connected(kit: Kit, context: ssl.SSLContext | None = None) -> Iterator[http.client.HTTPSConnection]:
    """Keep a connection to the coordinator open while the context lasts."""
    connection = http.client.HTTPSConnection(
        kit.host, kit.port, context=context or trusting(kit.ca_certificate), timeout=20
    )
    try:
        yield connection
    finally:
        connection.close()
