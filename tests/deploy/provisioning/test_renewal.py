"""Certificates and kits are renewed before they end; hospitals keep their keys."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fedchemo.deploy.provisioning.members import approve
from fedchemo.deploy.provisioning.renewal import renew
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, public_openssh
from fedchemo.shared.kit import read_kit
from fedchemo.shared.signing_request import read_request, write_request

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=80)


def test_renewed_kits_keep_their_keys_and_hold_longer(fed, authority):
    before = {site: read_kit(fed.kit(site)) for site in ("AAI", "AAN")}
    assert fed.warnings(LATER)
    renew(fed, authority, days=90, now=LATER)
    assert fed.warnings(LATER) == []
    roster = fed.read_roster()
    for site, old in before.items():
        kit = read_kit(fed.kit(site))
        kit.check_dates(LATER + dt.timedelta(days=89))
        assert (kit.private_key, kit.public_key) == (old.private_key, old.public_key)
        assert roster.members[site] == kit.public_key
        assert roster.member(site).until == kit.valid_until
        assert kit.warnings(LATER) == []
        assert old.warnings(LATER)


def test_the_coordinator_gets_a_new_key_with_its_certificate(fed, authority):
    old_key = fed.server_key.read_bytes()
    renew(fed, authority, days=90, now=LATER)
    assert fed.server_key.read_bytes() != old_key
    certificate = x509.load_pem_x509_certificate(fed.server_certificate.read_bytes())
    certificate.verify_directly_issued_by(authority.certificate)
    key = serialization.load_pem_private_key(fed.server_key.read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert certificate.not_valid_after_utc > LATER + dt.timedelta(days=89)


def test_a_delivered_kit_is_renewed_without_a_secret(fed, authority, tmp_path):
    old = read_kit(fed.kit("AAI"))
    fed.kit("AAI").unlink()  # as asked for, once it was delivered
    own = new_key()
    write_request(tmp_path / "r", federation="breast", site="OWN", key=own, now=dt.datetime.now(dt.UTC))
    approve(fed, authority, read_request(tmp_path / "r"), days=90)
    kits = {kit.site: kit for kit in renew(fed, authority, days=90)}
    assert {site: kit.secret for site, kit in kits.items()} == {"AAI": False, "AAN": True, "OWN": False}
    assert read_kit(fed.kit("AAI"), key=old.key()).public_key == old.public_key
    assert kits["OWN"].public_key == public_openssh(own.public_key())


def test_the_coordinator_may_move(fed, authority):
    renew(fed, authority, days=90, hosts=["new.example", "10.1.2.3"], port=9443)
    assert read_kit(fed.kit("AAI")).address == "new.example:9443"
    settings = fed.read_settings()
    assert (settings.hosts, settings.port) == (("new.example", "10.1.2.3"), 9443)
    certificate = x509.load_pem_x509_certificate(fed.server_certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["new.example"]


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"days": 9, "hosts": ["a_b"]}, {"days": 9, "port": 0}, {"days": 4000}]
)
def test_what_cannot_be_is_refused(fed, authority, wrong):
    with pytest.raises(FedchemoError, match="FC505"):
        renew(fed, authority, **wrong)
    assert fed.read_roster().serial == 1


def test_nothing_outlives_the_authority(fed, authority):
    end = authority.certificate.not_valid_after_utc
    renew(fed, authority, days=3650, now=end - dt.timedelta(days=10))
    assert read_kit(fed.kit("AAI")).valid_until == end


def test_a_damaged_kit_in_the_folder_is_not_passed_over(fed, authority):
    fed.kit("AAI").write_bytes(fed.kit("AAI").read_bytes()[:-40])
    with pytest.raises(FedchemoError, match="FC501"):
        renew(fed, authority, days=90)
    assert fed.read_roster().serial == 1
