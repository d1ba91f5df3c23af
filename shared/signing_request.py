"""A hospital's wish to join with a key that it made itself: its public half, signed by the private one.

The signature proves that whoever asks holds the key (as in PKCS #10); who it is, the fingerprint read over the
telephone proves.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import tomli_w
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import key_fingerprint, load_public, public_openssh
from fedchemo.shared.kit import NAME_PATTERN, Name, Pem
from fedchemo.shared.signed_text import FORMAT, read_signed, sign_text, with_signature

LARGEST_REQUEST = 16 * 1024
"""A request has about 500 bytes."""


class SigningRequest(Settings):
    """What a hospital asks for."""

    format: int = FORMAT
    federation: Name
    site: Name
    public_key: Pem
    """OpenSSH, one line, on P-256."""
    created: AwareDatetime

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key in groups of four, to be compared over the telephone."""
        return key_fingerprint(self.public_key)


def check_names(federation: str, site: str) -> None:
    """Refuse names that are not allowed, before a key is made.

    Raises:
        FedchemoError: FC512.
    """
    for name in (federation, site):
        if not re.fullmatch(NAME_PATTERN, name):
            what = f"the name {name!r} is not allowed: letters, digits, '.', '_' and '-', at most 64"
            raise FedchemoError("FC512", what)


def write_request(
    path: Path, *, federation: str, site: str, key: ec.EllipticCurvePrivateKey, now: datetime.datetime
) -> SigningRequest:
    """Write a request; the private key is not in it.

    Raises:
        FedchemoError: FC512 if a name is not allowed, FC004 if the disk refuses.
    """
    check_names(federation, site)
    request = SigningRequest(
        federation=federation,
        site=site,
        public_key=public_openssh(key.public_key()),
        created=now.replace(microsecond=0),
    )
    title = f"# fedchemo signing request of {site} to the federation {federation}. It holds no secret.\n"
    text = title + tomli_w.dumps(request.model_dump())
    write_text(path, with_signature(text, sign_text(text, "signing request", key)))
    return request


def read_request(path: Path) -> SigningRequest:
    """Return the request in a file, checked to be whole and from the holder of its key.

    Raises:
        FedchemoError: FC002 if there is no such file, FC512 if it is no request, damaged or changed, FC506 if it was
            written for another release.
    """
    signed = read_signed(path, noun="signing request", largest=LARGEST_REQUEST, code="FC512")
    request = parse(SigningRequest, signed.fields, source=str(path), code="FC512")
    try:
        signed.check("signing request", load_public(request.public_key))
    except ValueError:
        raise FedchemoError("FC512", f"{path} was not signed by the key that it names") from None
    return request
