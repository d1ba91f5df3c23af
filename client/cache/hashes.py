"""Hashes of files by their content, remembered so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from fedchemo.shared.atomic import write_text

# A file changed this shortly before it was hashed may change again within the same tick of its file system's
# clock (two seconds on FAT), so its hash is not remembered.
_SETTLED_NS = 2_000_000_000


class Stamp(NamedTuple):
    """What changes when a file's content does."""

    size: int
    mtime_ns: int


def stamp(file: Path) -> Stamp:
    """Return the stamp of a file.

    Raises:
        OSError: if it cannot be looked at.
    """
    status = file.stat()
    return Stamp(status.st_size, status.st_mtime_ns)


class ContentHashes:
    """SHA-256 of files, with a memory on disk keyed by path, size and time of change.

    The memory saves time and nothing depends on it: where it is lost, damaged, or overwritten by another
    process, files are read again.

    Args:
        index: the JSON file that holds the memory.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._known = _read(index)
        self._fresh: dict[str, tuple[Stamp, str]] = {}

    def of(self, file: Path) -> str:
        """Return the SHA-256 of a file's bytes in hexadecimal; several threads may ask at once.

        Raises:
            OSError: if the file cannot be read.
        """
        path = os.path.abspath(file)  # noqa: PTH100 - Path.resolve would ask the disk for every folder above
        now = stamp(file)
        known = self._known.get(path)
        if known is not None and known[0] == now:
            return known[1]
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if stamp(file) == now and time.time_ns() - now.mtime_ns > _SETTLED_NS:
            self._fresh[path] = (now, digest)
        return digest

    def save(self) -> None:
        """Write what was learnt, beside what other processes wrote meanwhile; files that are gone are dropped.

        Raises:
            FedchemoError: FC004 if the index cannot be written.
        """
        if not self._fresh:
            return
        others = {path: entry for path, entry in _read(self._index).items() if os.path.exists(path)}  # noqa: PTH110
        self._known = {**others, **self._fresh}
        self._fresh = {}
        entries = {path: [*now, digest] for path, (now, digest) in sorted(self._known.items())}
        write_text(self._index, json.dumps(entries, indent=0), mode=0o600)


def _read(index: Path) -> dict[str, tuple[Stamp, str]]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        return {
            str(path): (Stamp(int(size), int(mtime_ns)), str(digest))
            for path, (size, mtime_ns, digest) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
