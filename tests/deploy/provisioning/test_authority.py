"""The authority's key: under a passphrase if wished, private in any case, and only where it is needed."""

from __future__ import annotations

import pytest

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.members import add
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import RosterWatch
from fedchemo.shared.passphrase import passphrase_of

PASSPHRASE = b"correct horse battery"


def never(path):
    pytest.fail(f"asked for the passphrase of {path}")


def code_of(fed, **options) -> str:
    with pytest.raises(FedchemoError) as caught:
        Authority.load(fed, **{"passphrase": never, **options})
    return caught.value.code


def test_a_passphrase_encrypts_the_key_and_opens_it(tmp_path):
    request = FederationRequest("breast", ["fed.example"], 8443, ["AAI"], 90)
    fed, authority = provision(tmp_path / "fed", request, passphrase=PASSPHRASE)
    assert fed.authority_key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    loaded = Authority.load(fed, passphrase=lambda _: PASSPHRASE)
    assert loaded.key.private_numbers() == authority.key.private_numbers()
    assert code_of(fed, passphrase=lambda _: b"something else") == "FC510"
    assert code_of(fed, passphrase=passphrase_of) == "FC510", "nobody to ask"


def test_a_key_that_others_may_read_is_refused(fed):
    for mode in (0o640, 0o604, 0o644, 0o660):
        fed.authority_key.chmod(mode)
        assert code_of(fed) == "FC509"
    fed.authority_key.chmod(0o400)
    Authority.load(fed, passphrase=never)


def test_the_key_may_be_kept_elsewhere(fed, tmp_path):
    offline = fed.authority_key.rename(tmp_path / "stick.pem")
    assert code_of(fed) == "FC517"
    authority = Authority.load(fed, passphrase=never, key=offline)
    add(fed, authority, ["NEW"], days=9)
    assert not fed.authority_key.exists()


def test_a_key_of_another_authority_or_none_is_refused(fed, tmp_path):
    other, _ = provision(tmp_path / "other", FederationRequest("b", ["fed.example"], 8443, ["A"], 9))
    assert code_of(fed, key=other.authority_key) == "FC517"
    assert code_of(fed, key=other.server_key) == "FC517"
    fed.authority_key.write_text("no key")
    assert code_of(fed) == "FC517"


def test_what_a_coordinator_reads_needs_no_authoritys_key(fed, authority):
    fed.authority_key.unlink()
    watch = RosterWatch(fed)
    assert set(fed.read_roster().members) == {"AAI", "AAN"}
    assert fed.read_settings().name == "breast"
    assert watch.changed() is None
    add(fed, authority, ["NEW"], days=9)
    assert set(watch.changed().members) == {"AAI", "AAN", "NEW"}
