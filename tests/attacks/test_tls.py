"""Somebody on the line: a coordinator that is none, old protocols, weak ciphers, certificates out of date."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fedchemo.client.fleet.session import FleetSession
from fedchemo.client.fleet.transport import trusting
from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.keys import private_pem
from tests.attacks.callers import Caller, plain
from tests.attacks.hostile import HostileFleet
from tests.networked import federation, kit_of

pytestmark = pytest.mark.network


@pytest.fixture
def impostor(fed, tmp_path):
    """The folder of somebody who has everything of the coordinator's but a genuine certificate."""
    copy = FederationFolder(tmp_path / "impostor")
    shutil.copytree(fed.path, copy.path)
    return copy


def give(folder: FederationFolder, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    folder.server_key.write_bytes(private_pem(key, None))
    folder.server_certificate.write_bytes(certificate_pem(certificate))


def refused(fed, folder) -> tuple[str, HostileFleet]:
    """Let A try to join whoever serves from ``folder``; return the code, and what the impostor has seen."""
    with HostileFleet(folder).serving() as fleet:
        with pytest.raises(FedchemoError) as error:
            FleetSession(kit_of(fed, "A"), heartbeat=10).activate()
        return error.value.code, fleet


def authority(fed) -> Authority:
    return Authority.load(fed, passphrase=lambda *_: None)


def test_the_control_with_the_genuine_certificate_the_hospital_would_join(fed):
    with HostileFleet(fed).serving() as fleet:
        assert FleetSession(kit_of(fed, "A"), heartbeat=10).activate()
        assert [route for route, _, _ in fleet.received] == ["activate-node"]


def test_a_coordinator_of_another_authority_gets_nothing(fed, tmp_path):
    port = fed.read_settings().port
    code, fleet = refused(fed, federation(tmp_path / "other", sites=("A",), port=port))
    assert code == "FC603"
    assert not fleet.received, "not even who asked"


def test_an_impostor_with_a_certificate_of_its_own_making_gets_nothing(fed, impostor):
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedchemo coordinator")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    give(impostor, key, certificate)
    code, fleet = refused(fed, impostor)
    assert code == "FC603"
    assert not fleet.received


@pytest.mark.parametrize(
    ("hosts", "first", "last", "code"),
    [
        (["127.0.0.1"], -20, -10, "FC604"),
        (["127.0.0.1"], 10, 20, "FC604"),
        (["federation.example.org"], -1, 10, "FC605"),
        (["127.0.0.2"], -1, 10, "FC605"),
    ],
    ids=["expired", "not yet valid", "another name", "another address"],
)
def test_a_genuine_certificate_that_does_not_hold_here_and_now_gets_nothing(
    fed, impostor, hosts, first, last, code
):
    key, now = ec.generate_private_key(ec.SECP384R1()), dt.datetime.now(dt.UTC)
    certificate = authority(fed).server_certificate(
        key.public_key(),
        hosts,
        valid_from=now + dt.timedelta(days=first),
        valid_until=now + dt.timedelta(days=last),
    )
    give(impostor, key, certificate)
    found, fleet = refused(fed, impostor)
    assert found == code
    assert not fleet.received


def test_a_members_key_makes_no_coordinator(fed, impostor):
    """A hospital's kit holds a key that the authority vouches for, but not as a server."""
    key = kit_of(fed, "B").key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedchemo coordinator")])
    now = dt.datetime.now(dt.UTC)
    issuer = authority(fed).certificate
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA384())
    )
    give(impostor, key, certificate)
    code, fleet = refused(fed, impostor)
    assert code == "FC603"
    assert not fleet.received


@contextlib.contextmanager
def spoken(fed, context: ssl.SSLContext):
    kit = kit_of(fed, "A")
    with (
        socket.create_connection((kit.host, kit.port), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname=kit.host) as stream,
    ):
        yield stream


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused_by_the_coordinator(fed, version):
    context = trusting(kit_of(fed, "A").ca_certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with Coordinator(fed.path):
        with pytest.raises((ssl.SSLError, OSError)), spoken(fed, context):
            pass
        assert plain(kit_of(fed, "A"), "GET", "/health")[0] == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused_by_the_hospital(fed):
    """A downgrade: the coordinator's side offers no better."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.minimum_version, server.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    server.load_cert_chain(fed.server_certificate, fed.server_key)
    kit = kit_of(fed, "A")
    import threading

    with socket.create_server((kit.host, kit.port)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                server.wrap_socket(listener.accept()[0], server_side=True)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        with pytest.raises(FedchemoError, match="FC608"):
            FleetSession(kit, heartbeat=10).activate()
        thread.join(10)


@pytest.mark.parametrize(
    "ciphers", ["ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "AES128-SHA:@SECLEVEL=0"]
)
def test_weak_ciphers_are_refused(fed, ciphers):
    context = trusting(kit_of(fed, "A").ca_certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with Coordinator(fed.path), pytest.raises((ssl.SSLError, OSError)), spoken(fed, context):
        pass


def test_what_is_spoken_keeps_earlier_talk_secret(fed):
    """Forward secrecy: a key that is stolen later opens nothing that was recorded before."""
    context = trusting(kit_of(fed, "A").ca_certificate)
    with Coordinator(fed.path):
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.maximum_version = newest
            with spoken(fed, context) as stream:
                name, version, bits = stream.cipher()
                assert bits >= 128
                assert version == "TLSv1.3" or name.startswith("ECDHE"), name


def test_without_tls_nothing_is_answered(fed):
    kit = kit_of(fed, "A")
    with Coordinator(fed.path):
        with socket.create_connection((kit.host, kit.port), timeout=20) as raw:
            raw.sendall(b"POST /v1/fleet/pull-messages HTTP/1.1\r\nhost: x\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert b"HTTP" not in raw.recv(1000)
        Caller.of(fed, "A").join()
