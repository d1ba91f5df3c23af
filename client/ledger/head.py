"""The head record: how many lines the ledger has and how the last one hashes.

Without it, lines cut off the end would leave a shorter ledger that is whole in itself. It is written after the
ledger, so it may be behind after a crash, and is never ahead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from fedchemo.client.ledger.line import START, Digest
from fedchemo.shared.configuration import Settings

LENGTH = 128
"""Bytes of the record. Always the same and within one sector of a disk, so that it is written as a whole."""


class Head(Settings):
    """The end of the ledger."""

    lines: Annotated[int, Field(ge=0)] = 0
    sha256: Digest = START

    def serialised(self) -> bytes:
        """Return the record as it stands in its file."""
        return self.model_dump_json().encode().ljust(LENGTH - 1) + b"\n"


def read_head(path: Path) -> Head | None:
    """Return the head record, or None if there is none or it is damaged.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        return Head.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_head(handle: int, head: Head) -> None:
    """Write the record in place and sync it.

    Raises:
        OSError: if it cannot be written.
    """
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, head.serialised())
    os.fsync(handle)
