"""The folder of a new federation: complete, private, usable by TLS and by flwr, or not there at all."""

from __future__ import annotations

import datetime as dt
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flwr.cli.supernode.register import try_load_public_key

from fedchemo.deploy.provisioning import folder as module
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import read_kit

REQUEST = FederationRequest("breast", ["fed.example", "10.0.0.5", "::1"], 8443, ["AAI", "AAN"], 90)


@pytest.fixture
def made(tmp_path):
    return provision(tmp_path / "deep" / "fed", REQUEST)


def test_each_site_has_a_kit_with_its_own_key_that_the_roster_knows(made):
    folder, authority = made
    kits = {site: read_kit(folder.kit(site)) for site in REQUEST.sites}
    assert folder.read_roster().members == {site: kit.public_key for site, kit in kits.items()}
    assert len({kit.private_key for kit in kits.values()}) == 2
    for site, kit in kits.items():
        assert (kit.site, kit.federation, kit.address) == (site, "breast", "fed.example:8443")
        assert kit.valid_until - kit.valid_from > dt.timedelta(days=90)
        assert x509.load_pem_x509_certificate(kit.ca_certificate.encode()) == authority.certificate


def test_flower_takes_the_public_keys(made, tmp_path):
    folder, _ = made
    for site, key in folder.read_roster().members.items():
        (tmp_path / f"{site}.pub").write_text(key)
        assert try_load_public_key(tmp_path / f"{site}.pub").startswith(b"-----BEGIN PUBLIC KEY")


def test_private_files_are_private_and_nothing_else_is_there(made):
    folder, _ = made
    files = {path for path in folder.path.rglob("*") if path.is_file()}
    kits = {folder.kit(site) for site in REQUEST.sites}
    secret = {folder.authority_key, folder.server_key, folder.roster_memory, *kits}
    public = {folder.authority_certificate, folder.server_certificate, folder.settings, folder.roster}
    assert files == secret | public
    for path in secret:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in [folder.path, *(path for path in folder.path.rglob("*") if path.is_dir())]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in public:
        assert b"PRIVATE" not in path.read_bytes()


def test_the_certificate_names_every_host_and_is_the_authoritys(made):
    folder, authority = made
    certificate = x509.load_pem_x509_certificate(folder.server_certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["fed.example"]
    assert set(names.get_values_for_type(x509.IPAddress)) == {
        ipaddress.ip_address("10.0.0.5"),
        ipaddress.ip_address("::1"),
    }
    certificate.verify_directly_issued_by(authority.certificate)
    key = serialization.load_pem_private_key(folder.server_key.read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_an_existing_folder_is_left_as_it_is(made):
    folder, _ = made
    before = folder.authority_key.read_bytes()
    with pytest.raises(FedchemoError, match="FC003"):
        provision(folder.path, REQUEST)
    assert folder.authority_key.read_bytes() == before


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    def full(path: Path, kit: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_kit", full)
    with pytest.raises(FedchemoError, match="FC004"):
        provision(tmp_path / "fed", REQUEST)
    assert list(tmp_path.iterdir()) == []


def test_two_federations_share_no_key(tmp_path):
    folders = [provision(tmp_path / name, REQUEST)[0] for name in ("one", "two")]
    secrets = [{path.read_bytes() for path in folder.path.rglob("key.pem")} for folder in folders]
    assert not secrets[0] & secrets[1]
