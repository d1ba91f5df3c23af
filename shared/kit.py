"""A hospital's kit: one file that says where the coordinator is and proves who the hospital is.

The file is TOML. Its last line is a signature by the federation's certificate authority over all the rest, so a
kit that was cut off, edited or mixed with another one is found out when it is read.
"""

from __future__ import annotations

import base64
import datetime
import json
import tomllib
from pathlib import Path
from typing import Annotated

import tomli_w
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, Field

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError

FORMAT = 1
"""Version of the kit and of the federation folder; another one is refused."""

# Names become file names and parts of messages: no spaces, no path separators, no leading dot.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""The name of a site or of a federation."""
# A host is checked in full when certificates are made; here it only must not smuggle anything else in.
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Pem = Annotated[str, Field(max_length=8192)]

LARGEST_KIT = 64 * 1024
"""A kit has about 2 KB; whatever is longer is another kind of file."""


class Kit(Settings):
    """What a hospital needs to join; it holds the hospital's private key and must be kept secret."""

    format: int = FORMAT
    federation: Name
    site: Name
    host: Host
    port: Port
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    ca_certificate: Pem
    """PEM; the only authority that this hospital trusts for the coordinator."""
    public_key: Pem
    """OpenSSH, one line; the roster of the federation holds the same."""
    private_key: Pem
    """OpenSSH; an EC key on a NIST curve, which is what flwr's node authentication takes."""
    signature: Annotated[str, Field(max_length=512)] = ""
    """Base64 of the authority's ECDSA signature (SHA-256) over `signed_content`."""

    @property
    def address(self) -> str:
        """The coordinator's address, ``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def signed_content(self) -> bytes:
        """Return the bytes that the authority signs: every field but the signature, as canonical JSON."""
        fields = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the hospital's private key.

        Raises:
            FedchemoError: FC501 if it is no EC key, or not the one that the public key belongs to.
        """
        try:
            private = serialization.load_ssh_private_key(self.private_key.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise FedchemoError("FC501", f"the kit of {self.site} holds no usable private key") from error
        public = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        if not isinstance(private, ec.EllipticCurvePrivateKey) or public.decode() != self.public_key:
            raise FedchemoError("FC501", f"the keys in the kit of {self.site} do not belong together")
        return private

    def check_dates(self, now: datetime.datetime) -> None:
        """Refuse a kit outside its dates.

        Raises:
            FedchemoError: FC502.
        """
        if not self.valid_from <= now <= self.valid_until:
            first, last = (day.date().isoformat() for day in (self.valid_from, self.valid_until))
            raise FedchemoError(
                "FC502", f"the kit of {self.site} holds from {first} to {last}; today is {now.date()}"
            )


def write_kit(path: Path, kit: Kit) -> None:
    """Write a kit that only its owner may read (mode 0600)."""
    title = (
        f"# fedchemo kit of {kit.site} in the federation {kit.federation}. Secret: it holds a private key.\n"
    )
    write_text(path, title + tomli_w.dumps(kit.model_dump(), multiline_strings=True), mode=0o600)


def read_kit(path: Path) -> Kit:
    """Return the kit in a file, checked to be whole and unchanged; its dates are not looked at.

    Raises:
        FedchemoError: FC002 if there is no such file, FC501 if it is no kit, damaged or changed, FC506 if it was
            written for another release.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_KIT + 1)
    except (FileNotFoundError, IsADirectoryError):
        raise FedchemoError("FC002", f"no kit at {path}") from None
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
    if len(content) > LARGEST_KIT:
        raise FedchemoError("FC501", f"{path} is far too long for a kit")
    try:
        fields = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise FedchemoError("FC501", f"{path} is not a kit, or only a part of one") from None
    if fields.get("format") != FORMAT:
        found = fields.get("format", "none")
        raise FedchemoError("FC506", f"{path} has format {found!r:.20}; this release reads {FORMAT}")
    kit = parse(Kit, fields, source=str(path), code="FC501")
    _check_signature(kit, path)
    kit.key()
    return kit


def _check_signature(kit: Kit, path: Path) -> None:
    """The certificate in the kit vouches for the rest; who vouches for it is whoever handed the kit over."""
    try:
        authority = x509.load_pem_x509_certificate(kit.ca_certificate.encode()).public_key()
        if not isinstance(authority, ec.EllipticCurvePublicKey):
            raise FedchemoError("FC501", f"the authority in {path} has no EC key")
        signature = base64.b64decode(kit.signature, validate=True)
        authority.verify(signature, kit.signed_content(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        raise FedchemoError("FC501", f"the signature in {path} does not fit its content") from None
