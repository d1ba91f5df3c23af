"""A proxy on the way: the check goes through it and, if it opens TLS, shows whose certificate was seen."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.keys import new_key, private_pem
from tests.client.fleet.proxies import ConnectProxy
from tests.networked import federation

pytestmark = pytest.mark.network
HOST = "coordinator.example"


def inspector(tmp_path, *, owner: str = HOST, issuer: str = "Clinic Web Filter CA") -> ssl.SSLContext:
    """Return TLS settings with a certificate for the coordinator's name by the hospital's own authority."""
    key, authority = new_key(), new_key()
    now = dt.datetime.now(dt.UTC)

    def name(common):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(owner))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    (tmp_path / "seen.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + private_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "seen.pem")
    return context


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",), hosts=(HOST,))


@pytest.fixture
def coordinator(fed):
    with Coordinator(fed.path, host="127.0.0.1") as serving:
        yield serving


def test_through_a_proxy_all_is_well(check, coordinator):
    with ConnectProxy(names={HOST: "127.0.0.1"}).serving() as proxy:
        lines = check(proxy=proxy.url)
    assert not lines.failing
    assert lines("network", "proxy").what == f"127.0.0.1:{proxy.port}, from --proxy"
    assert f"must allow CONNECT to {HOST}" in lines("network", "ports needed").what
    assert lines("roster", "key").verdict == "pass"


def test_a_proxy_that_opens_tls_is_named_by_its_certificate(check, coordinator, tmp_path):
    names = {HOST: "127.0.0.1"}
    with ConnectProxy(names=names, inspecting=inspector(tmp_path)).serving() as proxy:
        lines = check(proxy=proxy.url)
    line = lines("network", "TLS")
    assert line.code == "FC622"
    assert "issued by CN=Clinic Web Filter CA" in line.what
    assert "exempt" in line.remedy
    assert not lines.has("roster", "key"), "nothing is asked of whoever that is"


def test_a_certificate_of_another_federation_is_no_inspection(check, coordinator, tmp_path):
    context = inspector(tmp_path, issuer="fedchemo federation other")
    with ConnectProxy(names={HOST: "127.0.0.1"}, inspecting=context).serving() as proxy:
        line = check(proxy=proxy.url)("network", "TLS")
    assert line.code == "FC603"
    assert "CN=fedchemo federation other" in line.what


def test_what_a_certificate_says_cannot_steer_the_terminal(check, coordinator, tmp_path):
    context = inspector(tmp_path, issuer="\x1b[2Jclean")
    with ConnectProxy(names={HOST: "127.0.0.1"}, inspecting=context).serving() as proxy:
        assert "\x1b" not in check(proxy=proxy.url)("network", "TLS").what


def test_a_proxy_that_refuses_has_its_line(check, coordinator):
    with ConnectProxy(answer=b"HTTP/1.1 403 Forbidden").serving() as proxy:
        assert check(proxy=proxy.url)("network", "port").code == "FC620"


def test_an_address_that_is_no_proxys(check):
    lines = check(proxy="socks5://proxy:1080")
    assert lines("network", "proxy").code == "FC617"
