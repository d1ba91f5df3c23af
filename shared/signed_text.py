"""TOML files with a signature over every byte: a file that was cut, edited or put together from two is found out.

The first line is ``signature = "..."``, the rest is what was signed, as it stands: nothing is formatted anew to check
it, so another version of a TOML library changes nothing. Line ends of Windows are taken for plain ones.
"""

from __future__ import annotations

import base64
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fedchemo.shared.errors import FedchemoError

FORMAT = 1
"""Version of kit, roster, signing request and federation folder; another one is refused."""

FIRST_LINE = re.compile(r'signature = "([A-Za-z0-9+/]{1,400}={0,2})"\n')
# A signature is 70 bytes (P-256) or 102 (P-384); the algorithm is fixed, so none can be talked down.
ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class SignedText:
    """A file as it was read; whether the signature fits is for `check` to say."""

    text: str
    signature: str
    fields: dict[str, Any]
    mode: int
    """``st_mode`` of the file."""

    def check(self, kind: str, key: ec.EllipticCurvePublicKey) -> None:
        """Check the signature.

        Args:
            kind: what the signer meant to sign: a signature under a roster is none under a kit.
            key: the signer's.

        Raises:
            ValueError: if it does not fit.
        """
        signature = base64.b64decode(self.signature, validate=True)
        if base64.b64encode(signature).decode() != self.signature:
            msg = "base64 with stray bits"
            raise ValueError(msg)
        try:
            key.verify(signature, _content(kind, self.text), ALGORITHM)
        except (InvalidSignature, UnsupportedAlgorithm) as error:
            msg = "the signature does not fit"
            raise ValueError(msg) from error


def sign_text(text: str, kind: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the base64 signature (ECDSA, SHA-256) over a text that is meant as ``kind``."""
    return base64.b64encode(key.sign(_content(kind, text), ALGORITHM)).decode()


def with_signature(text: str, signature: str) -> str:
    """Return a file's whole content."""
    return f'signature = "{signature}"\n{text}'


def read_signed(path: Path, *, noun: str, largest: int, code: str, absent: str = "FC002") -> SignedText:
    """Return a signed file, its signature not yet checked.

    Args:
        path: the file.
        noun: what it should be, for the message.
        largest: bytes; whatever is longer is another kind of file.
        code: the error if it is damaged.
        absent: the error if there is no such file.

    Raises:
        FedchemoError: ``absent``, ``code``, FC004 if it cannot be read, FC506 if it is of another format.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(largest + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FedchemoError(absent, f"no {noun} at {path}") from None
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
    if len(content) > largest:
        raise FedchemoError(code, f"{path} is far too long for a {noun}")
    try:
        whole = content.replace(b"\r\n", b"\n").decode()
        fields = tomllib.loads(whole)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise FedchemoError(code, f"{path} is not a {noun}, or only a part of one") from None
    if fields.get("format") != FORMAT:
        found = fields.get("format", "none")
        raise FedchemoError("FC506", f"{path} has format {found!r:.20}; this release reads {FORMAT}")
    first = FIRST_LINE.match(whole)
    if first is None or fields.pop("signature", None) != first[1]:
        raise FedchemoError(code, f"{path} is not signed; a {noun} is")
    return SignedText(whole[first.end() :], first[1], fields, mode)


def _content(kind: str, text: str) -> bytes:
    return f"fedchemo {kind}\n{text}".encode()
