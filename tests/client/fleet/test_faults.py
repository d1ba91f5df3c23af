"""Every failure of the connection has its number; servers that are no coordinators are real ones here."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from fedchemo.client.fleet.faults import refused
from fedchemo.client.fleet.transport import Transport
from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, private_pem
from tests.networked import federation, kit_of

NOW = dt.datetime.now(dt.UTC)


@contextlib.contextmanager
def answering(
    content: bytes, context: ssl.SSLContext | None = None, *, below_tls: bool = False
) -> Iterator[int]:
    """Serve one fixed answer to whoever connects; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(10)
                stream = context.wrap_socket(connection, server_side=True) if context else connection
                stream.recv(65536)
                (socket.socket.send if below_tls else type(stream).sendall)(stream, content)
                stream.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=15)


@pytest.fixture
def kit(tmp_path):
    return kit_of(federation(tmp_path / "fed", sites=("A",)), "A")


@pytest.fixture
def tls(tmp_path):
    """A kit, and how to make TLS settings for a server that its authority vouches for."""
    authority = Authority.create("trial", now=NOW)
    fed = federation(tmp_path / "fed", sites=("A",))
    kit = kit_of(fed, "A").model_copy(
        update={"ca_certificate": certificate_pem(authority.certificate).decode()}
    )

    def context(*, hosts=("127.0.0.1",), start=-1, end=1, authority=authority) -> ssl.SSLContext:
        key = new_key()
        days = [NOW + dt.timedelta(days=day) for day in (start, end)]
        certificate = authority.server_certificate(
            key.public_key(), hosts, valid_from=days[0], valid_until=days[1]
        )
        (tmp_path / "key.pem").write_bytes(private_pem(key))
        (tmp_path / "certificate.pem").write_bytes(certificate_pem(certificate))
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
        return made

    return kit, context


def post(kit, port: int):
    transport = Transport(kit.model_copy(update={"port": port}))
    try:
        return transport.post("/v1/fleet/pull-messages", {}, (b"",), timeout=10)
    finally:
        transport.close()


def code_of(kit, port: int) -> str:
    with pytest.raises(FedchemoError) as caught:
        post(kit, port)
    assert f"127.0.0.1:{port}" in caught.value.what
    return caught.value.code


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_a_good_certificate_gets_the_answer(tls):
    kit, context = tls
    with answering(OK, context()) as port:
        assert post(kit, port).body == b"ok"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": -10, "end": -1}, "FC604"),
        ({"start": 1, "end": 10}, "FC604"),
        ({"hosts": ("10.9.8.7",)}, "FC605"),
        ({"hosts": ("coordinator.example",)}, "FC605"),
        ({"authority": Authority.create("somebody else", now=NOW)}, "FC603"),
    ],
)
def test_each_fault_of_a_certificate_has_its_number(tls, changes, code):
    kit, context = tls
    with answering(OK, context(**changes)) as port:
        assert code_of(kit, port) == code


def test_a_server_without_tls_is_no_coordinator(kit):
    with answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n") as port:
        assert code_of(kit, port) == "FC608"


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.0\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b"\x00" * 99],
)
def test_what_is_not_http_or_is_endless_is_no_coordinator(tls, answer):
    kit, context = tls
    with answering(answer, context()) as port:
        assert code_of(kit, port) == "FC608"


def test_an_answer_cut_short_counts_as_unreachable(tls):
    kit, context = tls
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\nonly this", context()) as port:
        assert code_of(kit, port) == "FC601"


def test_bytes_changed_on_the_line_count_as_unreachable_so_that_the_work_in_hand_is_kept(tls):
    kit, context = tls
    # Application data as TLS frames it, sent below TLS: what a line makes of an answer.
    garbled = b"\x17\x03\x03\x00\x40" + bytes(64)
    with answering(garbled, context(), below_tls=True) as port:
        assert code_of(kit, port) == "FC601"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(tls):
    kit, context = tls
    old = context()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with answering(OK, old) as port:
        assert code_of(kit, port) in {"FC601", "FC608"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b"", "FC440"),
        (404, b"not found", "FC608"),
        (412, b"{}", "FC606"),
        (412, json.dumps({"code": 2004, "extra": "FC607"}).encode(), "FC607"),
        (412, json.dumps({"code": 2004, "extra": "rm -rf /"}).encode(), "FC606"),
        (426, json.dumps({"code": 1001}).encode(), "FC609"),
        (503, b"[]", "FC601"),
        (500, b"\xff", "FC601"),
        (418, b"1", "FC613"),
    ],
)
def test_a_refusal_is_known_by_its_status_and_our_codes_alone(status, body, code):
    error = refused(status, {}, body, address="host:1", now=NOW)
    assert (error.code, error.status) == (code, status)
    assert "rm" not in error.what


def test_a_401_with_another_time_is_a_clock():
    then = NOW - dt.timedelta(minutes=10)
    headers = {"date": then.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    assert refused(401, headers, b"", address="host:1", now=NOW).code == "FC610"
