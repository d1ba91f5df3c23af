"""Files that are either whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fedchemo.shared.errors import FedchemoError


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced to disk and takes the name.

    Raises:
        FedchemoError: FC004 if the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
    part = Path(name)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(mode)
        part.replace(path)
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write ``content`` to ``path`` in one step (see `replacing`)."""
    with replacing(path, mode=mode) as part:
        part.write_bytes(content)


def write_text(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Write UTF-8 text to ``path`` in one step (see `replacing`)."""
    write_bytes(path, content.encode(), mode=mode)
