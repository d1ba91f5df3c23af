"""The hospital's state folder: what the client keeps for itself, readable by its owner only.

`StatePaths` says where things lie; `StateFolder` is the folder in the hands of the one client that uses it.
"""

from __future__ import annotations

import os
from pathlib import Path

import filelock

from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError


class StatePaths:
    """Where the files of a state folder lie."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def default(cls, federation: str, site: str) -> Path:
        """Return where a client keeps its state unless told otherwise."""
        return _root() / federation / site

    @classmethod
    def find(cls, state: Path | None, kit: Path | None) -> StatePaths:
        """Return the state folder that a command means: named, a kit's, or the only one there is.

        Raises:
            FedchemoError: FC923 if it does not exist or there are several; those of `read_kit`.
        """
        if state is None and kit is not None:
            from fedchemo.shared.kit import read_kit

            read = read_kit(kit)
            state = cls.default(read.federation, read.site)
        if state is not None:
            if not state.is_dir():
                raise FedchemoError("FC923", f"{state} is not there")
            return cls(state)
        found = sorted(path.parent for path in _root().glob("*/*/policy.toml"))
        if len(found) == 1:
            return cls(found[0])
        told = ", ".join(map(str, found)) or f"none below {_root()}"
        raise FedchemoError("FC923", told)

    @property
    def images(self) -> Path:
        """Where prepared images are kept."""
        return self.path / "images"

    @property
    def methods(self) -> Path:
        """What methods remember by run and round, and the models of its own that runs have left this hospital."""
        return self.path / "methods"

    @property
    def process(self) -> Path:
        """The number of the process whose client uses the folder."""
        return self.path / "client.pid"

    @property
    def policy(self) -> Path:
        """What this hospital allows."""
        return self.path / "policy.toml"

    @property
    def approvals(self) -> Path:
        """Which runs a person has agreed to."""
        return self.path / "approvals.json"

    @property
    def ledger(self) -> Path:
        """What left this hospital."""
        return self.path / "ledger" / "ledger.jsonl"

    @property
    def ledger_head(self) -> Path:
        """How the ledger ends."""
        return self.path / "ledger.head"

    def running(self) -> int:
        """Return the number of the process whose client uses this folder now.

        Raises:
            FedchemoError: FC634 if there is none.
        """
        lock = filelock.FileLock(self.path / "lock", mode=0o600)
        try:
            with lock.acquire(blocking=False):
                raise FedchemoError("FC634", f"{self.path} is used by no client")
        except filelock.Timeout:
            pass
        except OSError as error:
            raise FedchemoError("FC634", f"{self.path}: {error.strerror or error}") from error
        try:
            return int(self.process.read_text(encoding="ascii"))
        except (OSError, ValueError):
            raise FedchemoError("FC634", f"{self.process} does not name a process") from None


class StateFolder(StatePaths):
    """A folder of mode 0700 that one client uses at a time.

    Raises:
        FedchemoError: FC004 if it cannot be made, FC910 if another client uses it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = filelock.FileLock(path / "lock", mode=0o600)
            self._lock.acquire(blocking=False)
            write_text(self.process, f"{os.getpid()}\n", mode=0o600)
        except filelock.Timeout:
            raise FedchemoError("FC910", f"{path} is in use by another client") from None
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let another client use the folder."""
        self.process.unlink(missing_ok=True)
        self._lock.release()


def _root() -> Path:
    """Return the folder of all state folders of this user."""
    import platformdirs

    return Path(platformdirs.user_state_dir("fedchemo"))
