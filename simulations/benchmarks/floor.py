"""The floor of a networked round: the same bytes over bare TLS loopback, down and up, and one SHA-256 at each end."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from fedchemo.shared.federation import FederationFolder
from fedchemo.simulations.benchmarks.processes import processor_seconds, started
from fedchemo.simulations.benchmarks.rounds import Overhead


def seconds_a_round(federation: FederationFolder, size: int, *, sites: int, rounds: int) -> list[Overhead]:
    """Return the seconds of each round: ``size`` bytes to each site and as many back; a first one is left out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(federation.server_certificate, federation.server_key)
    model = os.urandom(size)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(60)
        arguments = (listener.getsockname()[1], federation.authority_certificate, size, rounds + 1)
        command = [sys.executable, "-m", __name__, *map(str, arguments)]
        connections = []
        for _ in range(sites):
            stack.enter_context(started(command))
        for _ in range(sites):
            bare, _ = listener.accept()
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections.append(stack.enter_context(context.wrap_socket(bare, server_side=True)))
        buffers = [bytearray(size) for _ in range(sites)]
        return [_round(model, connections, buffers) for _ in range(rounds + 1)][1:]


def _round(model: bytes, connections: list[ssl.SSLSocket], buffers: list[bytearray]) -> Overhead:
    def exchange(connection: ssl.SSLSocket, buffer: bytearray) -> None:
        connection.sendall(model)
        _receive(connection, buffer)
        hashlib.sha256(buffer).digest()

    spent, start = processor_seconds(), time.perf_counter()
    hashlib.sha256(model).digest()
    threads = [
        threading.Thread(target=exchange, args=each) for each in zip(connections, buffers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Overhead(time.perf_counter() - start, processor_seconds() - spent)


def _receive(connection: ssl.SSLSocket, buffer: bytearray) -> None:
    view, got = memoryview(buffer), 0
    while got < len(buffer):
        received = connection.recv_into(view[got:])
        if not received:
            raise ConnectionError
        got += received


def _site(port: int, authority: Path, size: int, rounds: int) -> None:
    context = ssl.create_default_context(cafile=authority)
    update, buffer = os.urandom(size), bytearray(size)
    bare = socket.create_connection(("127.0.0.1", port))
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(bare, server_hostname="127.0.0.1") as connection:
        for _ in range(rounds):
            _receive(connection, buffer)
            hashlib.sha256(update).digest()
            connection.sendall(update)


if __name__ == "__main__":
    _site(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
