"""EC keys and the formats that each reader wants."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key on P-256, the fastest curve that flwr accepts: each request of a site is signed."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PKCS #8 PEM, as TLS libraries read it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private_openssh(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a private key in OpenSSH's format, as flwr reads it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def public_openssh(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key as one line in OpenSSH's format, as flwr reads it."""
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
