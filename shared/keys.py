"""EC keys of coordinator and hospitals, and the formats that each reader wants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from fedchemo.shared.encrypted_key import encrypted_pem
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.private_file import read_private

FindPassphrase = Callable[[Path], bytes]
"""Given a key's file, where its passphrase comes from."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key on P-256, the fastest curve that flwr accepts: each request of a site is signed."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """Return a private key as PKCS #8 PEM, as TLS libraries read it; encrypted if there is a passphrase."""
    if passphrase is not None:
        return encrypted_pem(key, passphrase)
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


def load_public(text: str) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key in a line of OpenSSH's format.

    Raises:
        ValueError: if it is no such key, or written in another way than `public_openssh` does: one key must not
            look like two.
    """
    try:
        key = serialization.load_ssh_public_key(text.encode())
    except (UnsupportedAlgorithm, NotImplementedError) as error:
        msg = "no EC key"
        raise ValueError(msg) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        msg = "not a key on P-256"
        raise ValueError(msg)  # noqa: TRY004 - of text, not of types
    if public_openssh(key) != text:
        msg = "more than the key alone"
        raise ValueError(msg)
    return key


def read_key(path: Path, *, passphrase: FindPassphrase, absent: str = "FC002") -> ec.EllipticCurvePrivateKey:
    """Return the private key in a PKCS #8 file.

    Args:
        path: the file, readable by its owner only.
        passphrase: asked only if the key is encrypted.
        absent: the error's code if there is no such file.

    Raises:
        FedchemoError: ``absent``, FC509 if others may read it, FC510 if the passphrase is missing or wrong, FC517 if
            it is no EC key.
    """
    content = read_private(path, code=absent)
    try:
        try:
            key = serialization.load_pem_private_key(content, None)
        except TypeError:  # encrypted
            key = _opened(content, path, passphrase(path))
    except (ValueError, UnsupportedAlgorithm):
        raise FedchemoError("FC517", f"{path} holds no private key, or a damaged one") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FedchemoError("FC517", f"{path} holds another kind of key than EC")
    return key


def is_encrypted(content: bytes) -> bool:
    """Say whether a PEM file holds an encrypted key."""
    return content.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def key_fingerprint(public_key: str) -> str:
    """Return the SHA-256 of a public key (OpenSSH), in groups of four to be read over the telephone."""
    return grouped(hashlib.sha256(public_key.encode()).hexdigest())


def grouped(digits: str) -> str:
    """Return hexadecimal digits in groups of four."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _opened(content: bytes, path: Path, passphrase: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(content, passphrase)
    except (ValueError, TypeError):
        raise FedchemoError("FC510", f"the passphrase given does not open {path}") from None
