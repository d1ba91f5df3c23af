"""A proxy that ends TLS and reads everything between hospitals and the coordinator.

It holds a certificate that the federation's own authority signed for the address in the kits: what nobody but the
holder of that authority could have. So it sees what the coordinator sees, before any code of ours has touched it.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedchemo.shared.federation import FederationFolder

HOP = {"connection", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Seen:
    """One request, whole."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Wiretap:
    """What has gone by."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []

    def of(self, route: str) -> list[bytes]:
        return [seen.body for seen in list(self.requests) if seen.path == f"/v1/fleet/{route}"]


@contextlib.contextmanager
def wiretap(folder: FederationFolder, *, listen: int, forward: int, scratch: Path) -> Iterator[Wiretap]:
    """Listen where the kits point and pass everything on to the real coordinator on another port."""
    tap, behind = Wiretap(), ssl.create_default_context(cafile=str(folder.authority_certificate))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.onward = http.client.HTTPSConnection("127.0.0.1", forward, context=behind, timeout=120)

        def finish(self) -> None:
            self.onward.close()
            with contextlib.suppress(OSError):
                super().finish()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            tap.requests.append(Seen(self.path, dict(self.headers.items()), body))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            try:
                self.onward.request("POST", self.path, body, headers)
                answer = self.onward.getresponse()
                content = answer.read()
            except OSError:  # the coordinator is not there, or has gone
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that goes away is no news."""

    server = Server(("127.0.0.1", listen), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified(folder, scratch))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def certified(folder: FederationFolder, scratch: Path) -> tuple[Path, Path]:
    """Return a certificate of the federation's authority for the loopback, and its key, as files."""
    import datetime as dt

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
    from fedchemo.shared.passphrase import passphrase_of

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    made = Authority.load(folder, passphrase=passphrase_of).server_certificate(
        key.public_key(),
        ["127.0.0.1"],
        valid_from=now - dt.timedelta(hours=1),
        valid_until=now + dt.timedelta(days=1),
    )
    certificate_file, key_file = scratch / "tap.pem", scratch / "tap.key"
    certificate_file.write_bytes(certificate_pem(made))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
