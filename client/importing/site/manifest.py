"""What earlier imports have written, so that nothing is done twice: ``<state>/import/manifest.jsonl``.

A line is added when an examination is whole on disk. A process that is killed leaves at most a torn last line,
which is not read. Keys are hashes over names of files, so the manifest stays in the state folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Visit
from fedchemo.shared.errors import FedchemoError

Slot = tuple[str, Visit]
"""A pseudonym and a visit."""


@dataclass(frozen=True)
class Written:
    """One examination as it lies in a site folder.

    Attributes:
        key: of the examination it was made from, and of the code that made it.
        files: name to size in bytes and time of change in nanoseconds.
        volumes_cc: what was measured on it: ``lesion``, ``ftv``, ``rule`` (cm3), as far as there was anything.
        notes: what was done beyond copying voxels, in sentences.
    """

    key: str
    files: Mapping[str, tuple[int, int]]
    volumes_cc: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lies_in(self, folder: Path) -> bool:
        """Tell whether a folder holds exactly these files, untouched since."""
        try:
            return stamps(folder) == dict(self.files)
        except OSError:
            return False


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return name -> size and time of change of each file in a folder."""
    return {
        entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns)
        for entry in sorted(folder.iterdir())
        if entry.is_file()
    }


class Manifest:
    """The examinations written so far; a later line replaces an earlier one.

    Raises:
        FedchemoError: FC004 if it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[Slot, Written] = {}
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error
        for line in lines:
            if (found := _parsed(line)) is not None:
                self._entries[found[0]] = found[1]
        self._rewrite()

    def get(self, slot: Slot) -> Written | None:
        """Return what is known of an examination."""
        return self._entries.get(slot)

    def add(self, slot: Slot, written: Written) -> None:
        """Note that an examination is whole on disk."""
        self._entries[slot] = written
        try:
            with self._path.open("ab") as file:
                file.write(_line(slot, written).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FedchemoError("FC004", f"{self._path}: {error.strerror or error}") from error

    def keep(self, slots: set[Slot]) -> None:
        """Forget every examination but these."""
        self._entries = {slot: written for slot, written in self._entries.items() if slot in slots}
        self._rewrite()

    def _rewrite(self) -> None:
        lines = [_line(slot, written) for slot, written in sorted(self._entries.items())]
        write_text(self._path, "".join(lines), mode=0o600)


def _line(slot: Slot, written: Written) -> str:
    return json.dumps({"patient": slot[0], "visit": slot[1], **asdict(written)}) + "\n"


def _parsed(line: bytes) -> tuple[Slot, Written] | None:
    try:
        found = json.loads(line)
        slot: Slot = (found["patient"], found["visit"])
        files = {str(name): (int(size), int(time)) for name, (size, time) in found["files"].items()}
        volumes = {str(name): float(value) for name, value in found["volumes_cc"].items()}
        return slot, Written(str(found["key"]), files, volumes, tuple(found["notes"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
