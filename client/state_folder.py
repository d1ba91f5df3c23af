"""The hospital's state folder: what the client keeps for itself, readable by its owner only.

`StatePaths` says where things lie; `StateFolder` is the folder in the hands of the one client that uses it.
"""

from __future__ import annotations

from pathlib import Path

import filelock

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
        except filelock.Timeout:
            raise FedchemoError("FC910", f"{path} is in use by another client") from None
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let another client use the folder."""
        self._lock.release()


def _root() -> Path:
    """Return the folder of all state folders of this user."""
    import platformdirs

    return Path(platformdirs.user_state_dir("fedchemo"))
