"""Whose certificate was shown, when it is not the federation's."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fedchemo.shared.kit import Kit


@dataclass(frozen=True)
class Shown:
    """A certificate that somebody showed in place of the coordinator.

    Attributes:
        owner: who it names.
        issuer: who issued it.
        until: when it ends.
        fingerprint: SHA-256, the first 16 hex digits.
        ours: whether its issuer has the name of this federation's authority, as after a new provisioning.
        federations: whether its issuer has the name of any federation's authority.
    """

    owner: str
    issuer: str
    until: str
    fingerprint: str
    ours: bool
    federations: bool

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"the certificate shown names {self.owner}, was issued by {self.issuer}, ends on {self.until} and has "
            f"SHA-256 {self.fingerprint}…"
        )


def shown_on(connected: socket.socket, kit: Kit) -> Shown | None:
    """Return the certificate that the other end of a connection shows, trusted or not; None if it shows none.

    Nothing but a TLS greeting is sent; the connection cannot be used afterwards.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to look at it: nothing is said over this connection
    try:
        with context.wrap_socket(connected, server_hostname=kit.host) as stream:
            content = stream.getpeercert(binary_form=True)
        return _described(x509.load_der_x509_certificate(content), kit) if content else None
    except (OSError, ValueError, x509.InvalidVersion):
        return None


def _described(certificate: x509.Certificate, kit: Kit) -> Shown:
    authority = x509.load_pem_x509_certificate(kit.ca_certificate.encode())
    issuer = _printable(certificate.issuer)
    return Shown(
        owner=_printable(certificate.subject),
        issuer=issuer,
        until=certificate.not_valid_after_utc.date().isoformat(),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex()[:16],
        ours=certificate.issuer == authority.subject,
        federations=issuer.startswith("CN=fedchemo federation "),
    )


def _printable(name: x509.Name) -> str:
    """Return a name that may come from anybody, without what could steer a terminal."""
    told = name.rfc4514_string()[:200]
    return "".join(one if one.isprintable() else "?" for one in told) or "nobody"
