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
from fedchemo.shared.private_file import read_private

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2 only suites with forward secrecy and authenticated encryption (BSI TR-02102-2)."""


def server_context(folder: FederationFolder, *, now: datetime.datetime) -> ssl.SSLContext:
    """Return the TLS settings of the coordinator: TLS 1.2 or newer, with the federation's certificate.

    Raises:
        FedchemoError: as `reload`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.num_tickets = 0  # sites do not resume sessions, and each ticket stays in memory
    reload(context, folder, now=now)
    return context


def reload(context: ssl.SSLContext, folder: FederationFolder, *, now: datetime.datetime) -> datetime.datetime:
    """Load the federation's certificate into TLS settings, for new connections; return when it ends.

    Raises:
        FedchemoError: FC504 if the certificate is missing, damaged, out of date, not from the federation's
            authority, or not for the key that lies beside it; FC509 if others may read that key.
    """
    path = folder.server_certificate
    certificate, authority = _certificate(path), _certificate(folder.authority_certificate)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise FedchemoError(
            "FC504",
            f"{path} holds from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC; it is {now:%Y-%m-%d %H:%M}",
        )
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise FedchemoError("FC504", f"{path} was not issued by {folder.authority_certificate}") from None
    try:
        key = serialization.load_pem_private_key(read_private(folder.server_key, code="FC504"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FedchemoError("FC504", f"{folder.server_key} holds no private key") from None
    if key.public_key() != certificate.public_key():
        raise FedchemoError("FC504", f"{folder.server_key} is not the key of {path}")
    context.load_cert_chain(path, folder.server_key)
    return last


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
