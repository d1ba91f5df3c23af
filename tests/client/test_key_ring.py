"""A hospital's keys stay in its state folder, and a kit is used with the right one only."""

from __future__ import annotations

import datetime as dt

import pytest

from fedchemo.client.key_ring import KeyRing, usable
from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.members import approve
from fedchemo.deploy.provisioning.renewal import renew
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import public_openssh
from fedchemo.shared.kit import read_kit
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.signing_request import read_request, write_request

PASSPHRASE = b"correct horse battery"


@pytest.fixture
def fed(tmp_path):
    return provision(tmp_path / "fed", FederationRequest("fed", ["fed.example"], 8443, ["AAI"], 90))[0]


@pytest.fixture
def authority(fed):
    return Authority.load(fed, passphrase=passphrase_of)


def approved(fed, authority, tmp_path, key):
    write_request(tmp_path / "r", federation="fed", site="OWN", key=key, now=dt.datetime.now(dt.UTC))
    return approve(fed, authority, read_request(tmp_path / "r"), days=90)


def code_of(call) -> str:
    with pytest.raises(FedchemoError) as caught:
        call()
    return caught.value.code


def test_a_key_of_ones_own_opens_the_kit_that_comes_back(fed, authority, tmp_path):
    ring = KeyRing(tmp_path / "state")
    ring.new()
    key = ring.new()
    kit = approved(fed, authority, tmp_path, key)
    assert usable(kit, tmp_path / "state").key().private_numbers() == key.private_numbers()
    file = ring.file(public_openssh(key.public_key()))
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (file.parent, tmp_path / "state")} == {0o700}


def test_without_its_key_a_kit_is_of_no_use(fed, authority, tmp_path):
    key = KeyRing(tmp_path / "there").new()
    kit = approved(fed, authority, tmp_path, key)
    KeyRing(tmp_path / "here").new()
    assert code_of(lambda: usable(kit, tmp_path / "here")) == "FC518"


def test_a_renewed_kit_is_used_with_the_key_of_the_first(fed, authority, tmp_path):
    first = usable(read_kit(fed.kit("AAI")), tmp_path / "state")
    fed.kit("AAI").unlink()
    (renewed,) = renew(fed, authority, days=400)
    assert not renewed.secret
    assert usable(renewed, tmp_path / "state").key().private_numbers() == first.key().private_numbers()


def test_a_kit_of_another_authority_is_refused(fed, tmp_path):
    usable(read_kit(fed.kit("AAI")), tmp_path / "state")
    usable(read_kit(fed.kit("AAI")), tmp_path / "state")
    impostor, _ = provision(tmp_path / "x", FederationRequest("fed", ["evil.example"], 8443, ["AAI"], 90))
    with pytest.raises(FedchemoError) as caught:
        usable(read_kit(impostor.kit("AAI")), tmp_path / "state")
    assert caught.value.code == "FC520"
    assert str(tmp_path / "state" / "authority.pem") in caught.value.what


def test_a_key_under_a_passphrase(fed, authority, tmp_path, monkeypatch):
    monkeypatch.delenv("FEDCHEMO_PASSPHRASE", raising=False)
    ring = KeyRing(tmp_path / "state")
    key = ring.new(PASSPHRASE)
    kit = approved(fed, authority, tmp_path, key)
    assert b"ENCRYPTED" in ring.file(kit.public_key).read_bytes()
    assert code_of(lambda: usable(kit, tmp_path / "state")) == "FC510"
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", PASSPHRASE.decode())
    usable(kit, tmp_path / "state").key()
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", "wrong passphrase")
    assert code_of(lambda: usable(kit, tmp_path / "state")) == "FC510"
    (tmp_path / "phrase").write_bytes(PASSPHRASE)
    (tmp_path / "phrase").chmod(0o600)
    usable(kit, tmp_path / "state", passphrase_file=tmp_path / "phrase").key()


def test_a_key_that_others_may_read_is_refused(fed, authority, tmp_path):
    ring = KeyRing(tmp_path / "state")
    kit = approved(fed, authority, tmp_path, ring.new())
    ring.file(kit.public_key).chmod(0o640)
    assert code_of(lambda: usable(kit, tmp_path / "state")) == "FC509"
