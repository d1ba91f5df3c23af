"""The hospital's private keys in its state folder, and what a kit needs from there before it can be used."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import FindPassphrase, new_key, private_pem, public_openssh, read_key
from fedchemo.shared.kit import Kit
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.private_file import PRIVATE_FOLDER, SECRET


class KeyRing:
    """Private keys, a file each (mode 0600), found by their public half.

    Args:
        state: the hospital's state folder. Nothing of it is locked: a key may be made while the client runs.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / "keys"

    def file(self, public_key: str) -> Path:
        """Return where the key is kept that belongs to a public one (OpenSSH)."""
        return self._folder / f"{hashlib.sha256(public_key.encode()).hexdigest()[:16]}.pem"

    def new(self, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
        """Make and keep a key, under a passphrase if there is one.

        Raises:
            FedchemoError: FC004 if the disk refuses.
        """
        key = new_key()
        self.keep(key, passphrase)
        return key

    def keep(self, key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> None:
        """Keep a key, unless it is kept already.

        Raises:
            FedchemoError: FC004 if the disk refuses.
        """
        path = self.file(public_openssh(key.public_key()))
        if path.exists():
            return
        for folder in (self._state, self._folder):
            private_folder(folder)
        write_bytes(path, private_pem(key, passphrase), mode=SECRET)

    def find(self, public_key: str, passphrase: FindPassphrase) -> ec.EllipticCurvePrivateKey | None:
        """Return the key that belongs to a public one, or None if it is not here.

        Raises:
            FedchemoError: FC509 if others may read it, FC510 if its passphrase is missing or wrong, FC517 if it is
                damaged.
        """
        path = self.file(public_key)
        return read_key(path, passphrase=passphrase) if path.exists() else None


def usable(kit: Kit, state: Path, *, passphrase_file: Path | None = None) -> Kit:
    """Return a kit together with its private key, after a look at who vouches for it.

    A kit that holds its key is remembered with it, so that a renewed kit need not hold it again. The authority of the
    first kit is remembered too: a kit by another one is whole and signed, and yet leads to another coordinator.

    Args:
        kit: as `read_kit` returned it.
        state: the hospital's state folder.
        passphrase_file: holds the passphrase of a key that has one.

    Raises:
        FedchemoError: FC518 if the kit holds no key and the state folder has not got it, FC520 if another authority
            made it, FC509, FC510 or FC517 of the key, FC004 if the disk refuses.
    """
    _check_authority(kit, state / "authority.pem")
    ring = KeyRing(state)
    if kit.secret:
        ring.keep(kit.key())
        return kit
    key = ring.find(kit.public_key, lambda path: passphrase_of(path, file=passphrase_file))
    if key is None:
        raise FedchemoError(
            "FC518", f"the kit of {kit.site} needs {ring.file(kit.public_key)}, which is not there"
        )
    return kit.with_key(key)


def private_folder(path: Path) -> None:
    """Make a folder of mode 0700.

    Raises:
        FedchemoError: FC004 if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error


def _check_authority(kit: Kit, remembered: Path) -> None:
    certificate = kit.ca_certificate.encode()
    if not remembered.exists():
        private_folder(remembered.parent)
        write_bytes(remembered, certificate, mode=SECRET)
    elif remembered.read_bytes() != certificate:
        raise FedchemoError(
            "FC520",
            f"the kit of {kit.site} is from the authority {kit.authority_fingerprint}, not from that of {remembered}",
        )
