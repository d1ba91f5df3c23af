"""The hospital's state folder: what the client keeps for itself, readable by its owner only."""

from __future__ import annotations

from pathlib import Path

import filelock

from fedchemo.shared.errors import FedchemoError


class StateFolder:
    """A folder of mode 0700 that one client uses at a time.

    Raises:
        FedchemoError: FC004 if it cannot be made, FC910 if another client uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = filelock.FileLock(path / "lock", mode=0o600)
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise FedchemoError("FC910", f"{path} is in use by another client") from None
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror or error}") from error

    @classmethod
    def default(cls, federation: str, site: str) -> Path:
        """Return where a client keeps its state unless told otherwise."""
        import platformdirs

        return Path(platformdirs.user_state_dir("fedchemo")) / federation / site

    @property
    def images(self) -> Path:
        """Where prepared images are kept."""
        return self.path / "images"

    def close(self) -> None:
        """Let another client use the folder."""
        self._lock.release()
