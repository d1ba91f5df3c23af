"""The coordinator's one listening socket, served by threads of this process."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import threading
import time
from asyncio import sslproto
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn

from fedchemo.server.fleet.connection import SHARE_OF_ONE_ADDRESS, Addresses, connection_class
from fedchemo.shared.errors import FedchemoError

START_S = 30.0
KEEP_ALIVE_S = 75
GOODBYE_S = 1.0
"""How long answers under way may take once the coordinator ends; idle connections never say good-bye."""


@contextlib.contextmanager
def listening(
    application: Callable[..., Any],
    context: ssl.SSLContext,
    *,
    host: str,
    port: int,
    connections: int,
    buffer: int,
) -> Iterator[None]:
    """Serve an ASGI application over TLS while the context lasts.

    Two event loops share the socket where there is a second core, so that sites are encrypted side by side.

    Args:
        application: what to serve.
        context: the TLS settings.
        host: address to listen on.
        port: TCP port.
        connections: open connections above which a loop answers 503.
        buffer: bytes that may wait on a connection, in each direction.

    Raises:
        FedchemoError: FC602 if the port cannot be opened.
    """
    # Not uvloop, which keeps a quarter of a megabyte a connection to read into.
    sslproto.SSLProtocol.max_size = buffer
    listener = _bind(host, port)
    protocol = connection_class(Addresses(round(SHARE_OF_ONE_ADDRESS * connections)), buffer=buffer)
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                application,
                loop="asyncio",
                http=protocol,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                limit_concurrency=connections,
                timeout_keep_alive=KEEP_ALIVE_S,
                ssl_context_factory=lambda _config, _default: context,
            )
        )
        for _ in range(min(2, os.cpu_count() or 1))
    ]
    threads = [
        threading.Thread(target=server.run, kwargs={"sockets": [listener.dup()]}, name="fleet", daemon=True)
        for server in servers
    ]
    listener.close()
    try:
        for thread in threads:
            thread.start()
        _wait_until_started(servers, threads)
        yield
    finally:
        for server in servers:
            server.should_exit = True
        for thread in threads:
            thread.join(timeout=GOODBYE_S)
        for server in servers:
            server.force_exit = True
        for thread in threads:
            thread.join(timeout=START_S)


def listening_address(hosts: Sequence[str]) -> str:
    """Return where to listen by default: on the loopback if every host is there, else on all IPv4 addresses."""
    return hosts[0] if all(map(_is_loopback_v4, hosts)) else "0.0.0.0"  # noqa: S104 - the point of a coordinator


def _is_loopback_v4(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.version == 4 and address.is_loopback


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named protocol: with 0, asyncio does not set TCP_NODELAY and each call waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise FedchemoError("FC602", f"{host}:{port}: {error.strerror}") from error
    return listener


def _wait_until_started(servers: Sequence[uvicorn.Server], threads: Sequence[threading.Thread]) -> None:
    end = time.monotonic() + START_S
    while not all(server.started for server in servers):
        if time.monotonic() > end or not all(thread.is_alive() for thread in threads):
            raise FedchemoError("FC602", "the listener did not start")
        time.sleep(0.005)
