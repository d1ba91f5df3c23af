"""Files that hold a secret: they are read only if nobody but their owner may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fedchemo.shared.errors import FedchemoError

SECRET, PUBLIC, PRIVATE_FOLDER = 0o600, 0o644, 0o700
"""Modes of a file that holds a secret, of one that does not, and of a folder that holds any."""


def refuse_if_open(path: Path, mode: int) -> None:
    """Refuse a secret that its group or others may read, write or run.

    Args:
        path: the file, for the message.
        mode: ``st_mode`` of the very file that was opened.

    Raises:
        FedchemoError: FC509. Windows has no such modes; there nothing is refused.
    """
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise FedchemoError(
            "FC509", f"{path} has mode {stat.S_IMODE(mode):04o}; a secret has 0600: `chmod 600 {path}`"
        )


def read_private(path: Path, *, code: str = "FC002") -> bytes:
    """Return the content of a file that holds a secret.

    Args:
        path: the file.
        code: the error if it is not there.

    Raises:
        FedchemoError: ``code``, FC004 if it cannot be read, FC509 if others may read it.
    """
    try:
        with path.open("rb") as file:
            refuse_if_open(path, os.fstat(file.fileno()).st_mode)
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise FedchemoError(code, f"no file at {path}") from None
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
