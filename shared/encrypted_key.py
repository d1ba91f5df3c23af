"""Private keys under a passphrase: encrypted PKCS #8 (RFC 5958) by PBES2 (RFC 8018), which OpenSSL reads too.

`cryptography` writes the same format, but stretches the passphrase 2048 times only, so it is put together here.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

# OWASP's figure (2023) for PBKDF2 with HMAC-SHA256: about 0.2 s a guess on one core.
ITERATIONS = 600_000
SALT_BYTES, AES_KEY_BYTES, AES_BLOCK_BYTES = 16, 32, 16

PBES2 = x509.ObjectIdentifier("1.2.840.113549.1.5.13")
PBKDF2 = x509.ObjectIdentifier("1.2.840.113549.1.5.12")
HMAC_SHA256 = x509.ObjectIdentifier("1.2.840.113549.2.9")
AES_256_CBC = x509.ObjectIdentifier("2.16.840.1.101.3.4.1.42")


@asn1.sequence
class _Prf:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _KdfParameters:
    salt: bytes
    iterations: int
    prf: _Prf


@asn1.sequence
class _Kdf:
    algorithm: x509.ObjectIdentifier
    parameters: _KdfParameters


@asn1.sequence
class _Cipher:
    algorithm: x509.ObjectIdentifier
    parameters: bytes


@asn1.sequence
class _Schemes:
    kdf: _Kdf
    cipher: _Cipher


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: _Schemes


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    algorithm: _Algorithm
    content: bytes


def encrypted_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> bytes:
    """Return a key as encrypted PKCS #8 PEM: PBKDF2-HMAC-SHA256, AES-256-CBC."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, start = os.urandom(SALT_BYTES), os.urandom(AES_BLOCK_BYTES)
    stretched = PBKDF2HMAC(hashes.SHA256(), AES_KEY_BYTES, salt, ITERATIONS).derive(passphrase)
    padder = PKCS7(8 * AES_BLOCK_BYTES).padder()
    encryptor = Cipher(algorithms.AES256(stretched), modes.CBC(start)).encryptor()
    content = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    kdf = _Kdf(
        algorithm=PBKDF2,
        parameters=_KdfParameters(
            salt=salt, iterations=ITERATIONS, prf=_Prf(algorithm=HMAC_SHA256, parameters=asn1.Null())
        ),
    )
    schemes = _Schemes(kdf=kdf, cipher=_Cipher(algorithm=AES_256_CBC, parameters=start))
    info = _EncryptedPrivateKeyInfo(
        algorithm=_Algorithm(algorithm=PBES2, parameters=schemes), content=content
    )
    lines = textwrap.wrap(base64.b64encode(asn1.encode_der(info)).decode(), 64)
    words = "ENCRYPTED PRIVATE KEY"
    return "\n".join([f"-----BEGIN {words}-----", *lines, f"-----END {words}-----", ""]).encode()
