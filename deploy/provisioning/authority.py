"""The federation's own certificate authority: it vouches for the coordinator and signs the kits."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.keys import FindPassphrase, grouped, read_key
from fedchemo.shared.kit import Kit
from fedchemo.shared.roster import Roster, roster_content
from fedchemo.shared.signed_text import sign_text

# Longer than any study; the server's certificate and the kits are renewed under it.
AUTHORITY_YEARS = 20
BACKDATING = datetime.timedelta(hours=1)
"""Certificates begin a little earlier, so that a clock that is somewhat slow does not refuse them."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority for one federation (RFC 5280); no other party trusts it for anything."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, federation: str, *, now: datetime.datetime) -> Authority:
        """Return a fresh authority with a P-384 key."""
        key = ec.generate_private_key(ec.SECP384R1())
        name = _name(f"fedchemo federation {federation}"[:64])
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            _builder(name, name, key.public_key(), now - BACKDATING, _years_after(now, AUTHORITY_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
            .sign(key, hashes.SHA384())
        )
        return cls(key, certificate)

    @classmethod
    def load(
        cls, folder: FederationFolder, *, passphrase: FindPassphrase, key: Path | None = None
    ) -> Authority:
        """Return the authority of a federation.

        Args:
            folder: the federation's folder.
            passphrase: where the passphrase comes from, if the key is encrypted.
            key: the key's file, if it is kept elsewhere.

        Raises:
            FedchemoError: FC503 if the folder holds no authority's certificate, FC509, FC510, FC517 if the key is not
                there or not this authority's.
        """
        file = key or folder.authority_key
        certificate = folder.read_certificate(folder.authority_certificate)
        private = read_key(file, passphrase=passphrase, absent="FC517")
        if private.public_key() != certificate.public_key():
            raise FedchemoError("FC517", f"{file} is not the key of {folder.authority_certificate}")
        return cls(private, certificate)

    def server_certificate(
        self,
        public_key: ec.EllipticCurvePublicKey,
        hosts: Sequence[str],
        *,
        valid_from: datetime.datetime,
        valid_until: datetime.datetime,
    ) -> x509.Certificate:
        """Return the coordinator's certificate.

        Args:
            public_key: the coordinator's key.
            hosts: DNS names and IP addresses under which sites reach it (subject alternative names).
            valid_from: first moment of validity.
            valid_until: last moment of validity.
        """
        issuer = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        return (
            _builder(
                _name("fedchemo coordinator"), self.certificate.subject, public_key, valid_from, valid_until
            )
            .add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
            .sign(self.key, hashes.SHA384())
        )

    def sign(self, kit: Kit) -> Kit:
        """Return the kit with this authority's signature."""
        return kit.model_copy(update={"signature": sign_text(kit.signed_text(), "kit", self.key)})

    def sign_roster(self, roster: Roster) -> tuple[bytes, bytes]:
        """Return the content of the roster's file with this authority's signature, and what is remembered of it."""
        return roster_content(roster, self.key)

    def fingerprint(self) -> str:
        """Return the certificate's SHA-256 in groups of four, to be compared over the telephone."""
        return grouped(self.certificate.fingerprint(hashes.SHA256()).hex())


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    valid_from: datetime.datetime,
    valid_until: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _years_after(moment: datetime.datetime, years: int) -> datetime.datetime:
    # 365.25 days a year: a plain replace(year=...) fails on 29 February.
    return moment + datetime.timedelta(days=365.25 * years)
