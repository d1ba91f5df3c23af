"""The coordinator's certificate, looked at before a port is opened."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder


def server_context(folder: FederationFolder, *, now: datetime.datetime) -> ssl.SSLContext:
    """Return the TLS settings of the coordinator: TLS 1.2 or newer, with the federation's certificate.

    Raises:
        FedchemoError: FC504 if the certificate is missing, damaged, out of date, not from the federation's
            authority, or not for the key that lies beside it.
    """
    path = folder.server_certificate
    certificate, authority = _certificate(path), _certificate(folder.authority_certificate)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise FedchemoError(
            "FC504", f"{path} holds from {first.date()} to {last.date()}; today is {now.date()}"
        )
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise FedchemoError("FC504", f"{path} was not issued by {folder.authority_certificate}") from None
    try:
        key = serialization.load_pem_private_key(_read(folder.server_key), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FedchemoError("FC504", f"{folder.server_key} holds no private key") from None
    if key.public_key() != certificate.public_key():
        raise FedchemoError("FC504", f"{folder.server_key} is not the key of {path}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path, folder.server_key)
    return context


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except (ValueError, x509.InvalidVersion):
        raise FedchemoError("FC504", f"{path} holds no certificate") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FedchemoError("FC504", f"{path}: {error.strerror}") from error
