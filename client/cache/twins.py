"""Files of equal content, found without reading all of each."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Mapping
from pathlib import Path

# From the middle of a tensor, where the lesion is: no two patients are alike there.
_SAMPLE = 4096


def equal_files(files: Mapping[str, Path]) -> list[tuple[str, ...]]:
    """Return the names of files that hold the same bytes, in groups of two and more, sorted.

    Args:
        files: name to file. Files of one length are compared by a piece of their middle, and read whole only
            where that is the same. A file that is gone is like no other.
    """
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for name, file in files.items():
        try:
            with file.open("rb") as content:
                size = file.stat().st_size
                content.seek(max(0, size // 2 - _SAMPLE // 2))
                groups[size, content.read(_SAMPLE)].append(name)
        except OSError:
            continue
    found = []
    for alike in groups.values():
        if len(alike) > 1:
            whole: dict[str, list[str]] = defaultdict(list)
            for name in alike:
                whole[_digest(files[name])].append(name)
            found += [tuple(sorted(names)) for names in whole.values() if len(names) > 1]
    return sorted(found)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return str(file)
