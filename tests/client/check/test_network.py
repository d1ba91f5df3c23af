"""Clocks apart, and servers that are no coordinator."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading

import pytest

from fedchemo.client.check.network import check_network
from fedchemo.shared.federation import FederationFolder
from tests.client.check.conftest import Lines
from tests.networked import kit_of

pytestmark = pytest.mark.network


@pytest.fixture
def answering(fed: FederationFolder):
    """Serve with the coordinator's certificate whatever a test says; returns the lines of the network."""
    kit = kit_of(fed, "A")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(fed.server_certificate, fed.server_key)

    def look(*, content: bytes = b"ok\n", apart: float | None = 0.0) -> Lines:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response_only(200)
                if apart is not None:
                    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=apart)
                    self.send_header("date", then.strftime("%a, %d %b %Y %H:%M:%S GMT"))
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            return Lines(list(check_network(kit.model_copy(update={"port": server.server_port}), None)))
        finally:
            server.shutdown()
            server.server_close()

    return look


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(0.0, "pass"), (-3.0, "warn"), (-8.0, "fail"), (60.0, "warn"), (400.0, "fail"), (None, "warn")],
)
def test_a_clock_may_be_seconds_ahead_and_minutes_behind(answering, apart, verdict):
    """The other side's clock is ahead by so many seconds, this one therefore behind."""
    line = answering(apart=apart)("network", "clock")
    assert line.verdict == verdict
    if apart:
        assert ("behind" if apart > 0 else "ahead") in line.what


def test_another_service_is_no_coordinator(answering):
    line = answering(content=b"<html>\x1b[2Jwelcome</html>")("network", "health")
    assert line.code == "FC608"
    assert "\x1b" not in line.what
