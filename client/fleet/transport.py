"""One kept-alive TLS connection to the coordinator, which trusts the federation's authority and nobody else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedchemo.client.fleet.faults import no_connection
from fedchemo.client.fleet.proxy import Proxy, find_proxy
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


class Tunnelled(http.client.HTTPSConnection):
    """A TLS connection through a proxy: TLS is spoken with the coordinator, the proxy passes it on.

    Raises:
        FedchemoError: on connecting, FC618 to FC621 for what the proxy does.
    """

    def __init__(self, proxy: Proxy, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(proxy.host, proxy.port, timeout=CONNECT_S, context=context)
        self._proxy, self._target, self._tls = proxy, host, context
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.set_tunnel(host, port, headers=proxy.headers(self._address))

    def connect(self) -> None:
        """Connect to the proxy, ask it for the tunnel, and speak TLS through it."""
        try:
            http.client.HTTPConnection.connect(self)
        except (http.client.HTTPException, OSError) as error:
            raise self._proxy.refusal(error, self._address) from error
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._target)


class Transport:
    """A connection for one thread at a time; it opens by itself and after a failure opens anew.

    Args:
        kit: says where the coordinator is, and whom to trust.
        proxy: URL of an HTTP proxy; None for the environment's, if it names one; empty for none.

    Raises:
        FedchemoError: FC617 if the proxy's address cannot be used.
    """

    def __init__(self, kit: Kit, proxy: str | None = None) -> None:
        self.address = kit.address
        self._host, self._port = kit.host, kit.port
        self._proxy = find_proxy(kit.host, proxy)
        self._context = trusting(kit.ca_certificate)
        self._connection: http.client.HTTPSConnection | None = None
        self._interrupted = False

    def post(
        self, path: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview], *, timeout: float
    ) -> Answer:
        """Send a request, its body in parts, and return the answer, whatever its status.

        Raises:
            FedchemoError: FC601, FC603, FC604, FC605, FC608 or, of a proxy, FC618 to FC621 if there is no answer.
        """
        while True:
            reused = self._connection is not None
            try:
                return self._post(path, headers, body, timeout)
            except FedchemoError as error:
                self.close()
                raise (
                    InterruptedTransportError(self.address) if self._interrupted else error
                ) from error.__cause__
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
            connection = self._connection = self.connection()
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

    def connection(self) -> http.client.HTTPSConnection:
        """Return a new connection, not opened yet."""
        if self._proxy is not None:
            return Tunnelled(self._proxy, self._host, self._port, self._context)
        return http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=self._context)

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
