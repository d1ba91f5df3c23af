"""Small proxies for tests: one that passes CONNECT on, and one that opens TLS as an inspecting one does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """A proxy on the loopback.

    Args:
        names: what it takes a name for: host -> address; others it resolves itself.
        authorization: the header it wants; empty for none.
        answer: status line it gives in place of a tunnel; empty for a tunnel.
        inspecting: TLS settings with which it answers in the target's place.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    answer: bytes = b""
    inspecting: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[ConnectProxy]:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self.cut()
            thread.join(timeout=10)

    def cut(self) -> None:
        """Break every tunnel."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096) or _gone()
            lines = head.decode("latin-1").split("\r\n")
            target = lines[0].split()[1]
            self.asked.append(lines[0])
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            if self.answer:
                connection.sendall(self.answer + b"\r\ncontent-length: 0\r\n\r\n")
                return
            if self.authorization and headers.get("proxy-authorization") != self.authorization:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            try:
                far = socket.create_connection((self.names.get(host, host), int(port)), timeout=10)
            except OSError:
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
                return
            self._open.append(far)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with far:
                if self.inspecting is not None:
                    self.inspecting.wrap_socket(connection, server_side=True).close()
                    return
                _both_ways(connection, far)


def _both_ways(one: socket.socket, other: socket.socket) -> None:
    def passing(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)

    for far in (one, other):
        far.settimeout(None)
    back = threading.Thread(target=passing, args=(other, one), daemon=True)
    back.start()
    passing(one, other)
    back.join(timeout=10)


def _gone() -> bytes:
    raise ConnectionError
