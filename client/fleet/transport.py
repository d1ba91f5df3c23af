"""One kept-alive TLS connection to the coordinator, which trusts the federation's authority and nobody else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedchemo.client.fleet.faults import no_connection
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Kit

CONNECT_S = 10.0
LARGEST_ANSWER = 64 * 2**20
"""flwr sends arrays in pieces of 5 MB; no coordinator has a reason to send more than this at once."""
CLOSED = (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError)


@dataclass(frozen=True)
class Answer:
    """An HTTP response, with header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class InterruptedTransportError(FedchemoError):
    """The connection was given up from this side."""

    def __init__(self, address: str) -> None:
        super().__init__("FC601", f"{address}: the connection was closed by this side")


class Transport:
    """A connection for one thread at a time; it opens by itself and after a failure opens anew."""

    def __init__(self, kit: Kit) -> None:
        self.address = kit.address
        self._host, self._port = kit.host, kit.port
        self._context = trusting(kit.ca_certificate)
        self._connection: http.client.HTTPSConnection | None = None
        self._interrupted = False

    def post(
        self, path: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview], *, timeout: float
    ) -> Answer:
        """Send a request, its body in parts, and return the answer, whatever its status.

        Raises:
            FedchemoError: FC601, FC603, FC604, FC605 or FC608 if there is no answer.
        """
        while True:
            reused = self._connection is not None
            try:
                return self._post(path, headers, body, timeout)
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if self._interrupted:
                    raise InterruptedTransportError(self.address) from error
                # The coordinator closes a connection that has been idle, which is no failure yet: once more on
                # a fresh one. All requests of the Fleet API may be repeated.
                if not (reused and isinstance(error, CLOSED)):
                    raise no_connection(error, self.address) from error

    def _post(
        self, path: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview], timeout: float
    ) -> Answer:
        connection = self._connection
        if connection is None:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_S, context=self._context
            )
            self._connection = connection
            connection.connect()
        if self._interrupted:
            raise ConnectionAbortedError
        connection.sock.settimeout(timeout)
        length = {"content-length": str(sum(map(len, body)))}
        if len(body) == 1:  # head and body in one packet
            connection.request("POST", path, body[0], {**headers, **length})
        else:
            connection.request("POST", path, iter(body), {**headers, **length})
        response = connection.getresponse()
        if response.length is None or response.length > LARGEST_ANSWER:
            raise http.client.HTTPException
        content = response.read()
        if response.will_close:
            self.close()
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    def interrupt(self) -> None:
        """Make the request under way, and every later one, fail; may be called from another thread."""
        self._interrupted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            # Of the socket below TLS: ssl's own shutdown would pull the ground from under the reader.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def trusting(certificate: str) -> ssl.SSLContext:
    """Return TLS settings for a client that trusts one authority (PEM) only: TLS 1.2 or newer, names checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=certificate)
    return context
