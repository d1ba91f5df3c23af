"""A coordinator opens only with a sound federation folder, a sound certificate and a free port."""

from __future__ import annotations

import datetime as dt
import shutil
import socket

import pytest

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.fleet.listener import listening_address
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, private_pem
from fedchemo.shared.passphrase import passphrase_of
from tests.networked import federation, free_port


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",))


def code_of(path, **options) -> str:
    with pytest.raises(FedchemoError) as caught, Coordinator(path, **options):
        pass
    return caught.value.code


def test_a_folder_that_is_no_federation(tmp_path):
    assert code_of(tmp_path / "absent") == "FC503"
    assert code_of(tmp_path) == "FC503"


@pytest.mark.parametrize(
    "content", ["", "format = 1", "format = 1\nsite = 3", "not toml [", "format = 1\nsite=[{name='A'}]"]
)
def test_a_roster_that_cannot_be_read(fed, content):
    fed.roster.write_text(content)
    assert code_of(fed.path) in {"FC503", "FC506"}


def test_a_roster_with_one_key_for_two_sites(fed):
    roster = fed.read_roster()
    twice = (*roster.site, roster.site[0].model_copy(update={"name": "B"}))
    authority = Authority.load(fed, passphrase=passphrase_of)
    fed.roster.write_bytes(authority.sign_roster(roster.model_copy(update={"site": twice}))[0])
    assert code_of(fed.path) == "FC503"


@pytest.mark.parametrize("broken", ["absent", "garbage", "other key", "other federation"])
def test_a_certificate_that_cannot_be_used(fed, tmp_path, broken):
    match broken:
        case "absent":
            fed.server_certificate.unlink()
        case "garbage":
            fed.server_certificate.write_text(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            )
        case "other key":
            fed.server_key.write_bytes(private_pem(new_key()))
        case "other federation":
            other = federation(tmp_path / "other", sites=("A",))
            shutil.copytree(other.server_key.parent, fed.server_key.parent, dirs_exist_ok=True)
    assert code_of(fed.path) == "FC504"


def test_an_expired_certificate(tmp_path):
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)
    fed, _ = provision(
        tmp_path / "fed", FederationRequest("old", ["127.0.0.1"], free_port(), ["A"], 30), now=then
    )
    assert code_of(fed.path) == "FC504"


def test_a_key_that_others_may_read(fed):
    fed.server_key.chmod(0o640)
    assert code_of(fed.path) == "FC509"


def test_the_port_is_in_use(fed):
    with socket.create_server(("127.0.0.1", fed.read_settings().port)):
        assert code_of(fed.path) == "FC602"
    with Coordinator(fed.path):
        assert code_of(fed.path) == "FC602"


def test_the_coordinator_runs_without_the_authoritys_key(fed):
    fed.authority_key.unlink()
    with Coordinator(fed.path) as coordinator:
        assert coordinator.sites() == {}
        assert coordinator.address == f"127.0.0.1:{coordinator.port}"


@pytest.mark.parametrize(
    ("hosts", "address"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["localhost", "127.0.0.1"], "localhost"),
        (["fed.example"], "0.0.0.0"),
        (["127.0.0.1", "fed.example"], "0.0.0.0"),
        (["10.1.2.3"], "0.0.0.0"),
    ],
)
def test_where_it_listens_by_default(hosts, address):
    assert listening_address(hosts) == address
