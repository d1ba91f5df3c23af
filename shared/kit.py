"""A hospital's kit: one file that says where the coordinator is and, with a private key, proves who the hospital is.

The file is TOML, signed by the federation's certificate authority, so a kit that was cut off, edited or mixed with
another one is found out when it is read. The private key stands in the kit, or, if the hospital made it itself, stays
in the hospital's state folder; such a kit holds no secret.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import tomli_w
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AwareDatetime, Field, PrivateAttr

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.expiry import ending
from fedchemo.shared.keys import grouped, key_fingerprint, public_openssh
from fedchemo.shared.private_file import PUBLIC, SECRET, refuse_if_open
from fedchemo.shared.signed_text import FORMAT, SignedText, read_signed, with_signature

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
    """What a hospital needs to join."""

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
    private_key: Pem = ""
    """OpenSSH; an EC key on a NIST curve, which is what flwr's node authentication takes. Empty if the hospital keeps
    the key itself; then `with_key` puts it in, in memory only."""
    signature: Annotated[str, Field(max_length=512)] = ""
    """Base64 of the authority's ECDSA signature (SHA-256) over `signed_text`."""
    _own_key: ec.EllipticCurvePrivateKey | None = PrivateAttr(default=None)

    @property
    def address(self) -> str:
        """The coordinator's address, ``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def secret(self) -> bool:
        """Whether the kit itself holds the private key, so that whoever has it is the hospital."""
        return bool(self.private_key)

    @property
    def key_fingerprint(self) -> str:
        """SHA-256 of the public key in groups of four."""
        return key_fingerprint(self.public_key)

    @property
    def authority_fingerprint(self) -> str:
        """SHA-256 of the authority's certificate in groups of four, as ``fedchemo provision`` shows it."""
        certificate = x509.load_pem_x509_certificate(self.ca_certificate.encode())
        return grouped(certificate.fingerprint(hashes.SHA256()).hex())

    def signed_text(self) -> str:
        """Return the text that the authority signs: the whole file below the signature's line."""
        left_out = {"signature"} if self.secret else {"signature", "private_key"}
        fields = tomli_w.dumps(self.model_dump(exclude=left_out), multiline_strings=True)
        secret = "Secret: it holds a private key" if self.secret else "It holds no secret"
        return f"# fedchemo kit of {self.site} in the federation {self.federation}. {secret}.\n{fields}"

    def with_key(self, key: ec.EllipticCurvePrivateKey) -> Kit:
        """Return the kit with the private key that the hospital keeps; `write_kit` does not write it.

        Raises:
            FedchemoError: FC518 if the kit was made for another key.
        """
        if public_openssh(key.public_key()) != self.public_key:
            raise FedchemoError("FC518", f"the kit of {self.site} was made for another key than the one here")
        kit = self.model_copy()
        kit._own_key = key
        return kit

    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the hospital's private key.

        Raises:
            FedchemoError: FC501 if it is no EC key, or not the one that the public key belongs to; FC518 if it is not
                in the kit and was not put in.
        """
        if self._own_key is not None:
            return self._own_key
        if not self.secret:
            raise FedchemoError("FC518", f"the kit of {self.site} holds no private key")
        try:
            private = serialization.load_ssh_private_key(self.private_key.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise FedchemoError("FC501", f"the kit of {self.site} holds no usable private key") from error
        if (
            not isinstance(private, ec.EllipticCurvePrivateKey)
            or public_openssh(private.public_key()) != self.public_key
        ):
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

    def warnings(self, now: datetime.datetime) -> list[str]:
        """Return a sentence if the kit ends soon."""
        remedy = "ask the coordinator for a new one"
        return list(ending(f"the kit of {self.site}", self.valid_until, now, remedy=remedy))


def kit_content(kit: Kit) -> tuple[bytes, int]:
    """Return the content of a kit's file and its mode: 0600 if it holds the private key."""
    return with_signature(kit.signed_text(), kit.signature).encode(), SECRET if kit.secret else PUBLIC


def write_kit(path: Path, kit: Kit) -> None:
    """Write a kit; only its owner may read one that holds a private key (mode 0600)."""
    content, mode = kit_content(kit)
    write_text(path, content.decode(), mode=mode)


def read_kit(path: Path, *, key: ec.EllipticCurvePrivateKey | None = None) -> Kit:
    """Return the kit in a file, checked to be whole and unchanged; its dates are not looked at.

    Args:
        path: the file.
        key: the hospital's own private key, for a kit that holds none; None leaves such a kit without.

    Raises:
        FedchemoError: FC002 if there is no such file, FC501 if it is no kit, damaged or changed, FC506 if it was
            written for another release, FC509 if it holds a private key and others may read it, FC518 if ``key`` is
            not the kit's.
    """
    signed = read_signed(path, noun="kit", largest=LARGEST_KIT, code="FC501")
    kit = parse(Kit, {**signed.fields, "signature": signed.signature}, source=str(path), code="FC501")
    _check_signature(kit, signed, path)
    if kit.secret:
        kit.key()
        refuse_if_open(path, signed.mode)
    return kit if key is None else kit.with_key(key)


def _check_signature(kit: Kit, signed: SignedText, path: Path) -> None:
    """The certificate in the kit vouches for the rest; who vouches for it is whoever handed the kit over."""
    try:
        authority = x509.load_pem_x509_certificate(kit.ca_certificate.encode()).public_key()
        if not isinstance(authority, ec.EllipticCurvePublicKey):
            raise FedchemoError("FC501", f"the authority in {path} has no EC key")
        signed.check("kit", authority)
    except (ValueError, UnsupportedAlgorithm, NotImplementedError, x509.InvalidVersion):
        raise FedchemoError("FC501", f"the signature in {path} does not fit its content") from None
