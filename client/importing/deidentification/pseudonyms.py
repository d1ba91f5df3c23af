"""Keyed pseudonyms: the same patient always gets the same one, and only who holds the key can tell whose it is."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

KEY_FILE = "pseudonym.key"
"""The key's name in the hospital's state folder."""

KEY_BYTES = 32
# 80 bits: among a million patients two share one with a chance of 1 in 2 x 10^12, and then `of` says so.
_LETTERS = 16
_CHECK = 8
_WRITTEN = re.compile(rf"([0-9a-f]{{{2 * KEY_BYTES}}})-([0-9a-f]{{{_CHECK}}})\n?")
# What a file system without hard links answers.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Pseudonyms:
    """Pseudonyms by HMAC-SHA256 (RFC 2104), ``P-`` and 16 base32 letters.

    Args:
        key: 32 secret bytes, see `read_key`.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, not {KEY_BYTES}")
        self._key = key
        self._holders: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._holders)} given)"

    def of(self, identifier: str) -> str:
        """Return the pseudonym of an identifier; it is also a valid ``patient_id``.

        Raises:
            FedchemoError: FC151 if another identifier has the same one; neither is named.
        """
        if not identifier:
            raise ValueError("an empty identifier has no pseudonym")
        digest = hmac.digest(self._key, identifier.encode(), "sha256")
        pseudonym = "P-" + base64.b32encode(digest).decode()[:_LETTERS]
        if self._holders.setdefault(pseudonym, identifier) != identifier:
            raise FedchemoError("FC151", f"two identifiers of this import have the pseudonym {pseudonym}")
        return pseudonym

    def given(self) -> dict[str, str]:
        """Return identifier -> pseudonym for all that were asked for, for `crosswalk.write_crosswalk`."""
        return {identifier: pseudonym for pseudonym, identifier in self._holders.items()}


def read_key(state: Path) -> bytes:
    """Return the hospital's key, ``<state>/pseudonym.key``; it is made at the first use.

    Of several processes that start together one makes the key and all read it. The file appears whole or not at
    all, and is never replaced: another key would give every patient another pseudonym.

    Raises:
        FedchemoError: FC150 if other users of the machine may read the file or it is damaged, FC004 if it cannot
            be read or written.
    """
    path = state / KEY_FILE
    try:
        if not path.exists():
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(4096)
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error
    if not stat.S_ISREG(mode):
        raise FedchemoError("FC150", f"{path} is no file")
    if os.name == "posix" and mode & 0o077:
        raise FedchemoError("FC150", f"{path} may be read by others: its mode is {stat.S_IMODE(mode):04o}")
    written = _WRITTEN.fullmatch(content.decode("ascii", errors="replace"))
    if written is None or _check(bytes.fromhex(written[1])) != written[2]:
        raise FedchemoError("FC150", f"{path} is damaged: it does not hold a key and its checksum")
    return bytes.fromhex(written[1])


def _check(key: bytes) -> str:
    return hashlib.sha256(b"fedchemo pseudonym key" + key).hexdigest()[:_CHECK]


def _make(path: Path) -> None:
    key = secrets.token_bytes(KEY_BYTES)
    # mkstemp makes the file for its owner only.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{key.hex()}-{_check(key)}\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never takes the place of a key that another process made meanwhile.
        with contextlib.suppress(FileExistsError):
            try:
                path.hardlink_to(part)
            except OSError as error:
                if error.errno not in _NO_LINKS or path.exists():
                    raise
                part.rename(path)
    finally:
        part.unlink(missing_ok=True)
