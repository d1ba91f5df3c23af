"""The run folder: configuration, events, checkpoints, the model and its summary."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import PROTOCOL, RunConfiguration, parse
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import filelock

    from fedchemo.server.checkpoint_files import Checkpoints

CONFIGURATION = "federation.toml"
"""Written when the run begins."""
SUMMARY = "summary.json"
"""Written last of all."""
LOCK = Path("rounds", ".lock")
"""Held by the process that writes the folder."""
PACKAGES = ("fedchemo", "flwr", "torch", "monai", "numpy")
"""Another version of any of them may give other bits."""


@dataclass(frozen=True)
class Begun:
    """What ``federation.toml`` says about a run that has begun.

    Attributes:
        configuration: the run's.
        fingerprint: of the model, the tensors and the encoding.
        digest: of all settings and the fingerprint, as they are in the file now.
        written: the digest that was written when the run began.
        versions: of what it was begun with.
        origin: the command that began it and what else that command was given.
    """

    configuration: RunConfiguration
    fingerprint: str
    digest: str
    written: str
    versions: Mapping[str, str]
    origin: Mapping[str, Any] = field(default_factory=dict)

    def other_versions(self) -> list[str]:
        """Return a phrase for each package that has another version now."""
        now = versions()
        return [
            f"{name} {self.versions.get(name, 'unknown')}, now {now[name]}"
            for name in PACKAGES
            if self.versions.get(name) != now[name]
        ]


class RunFolder:
    """Writes ``runs/<name>/``; every file is whole or absent.

    Attributes:
        path: the folder.
        origin: what the command that begins the run wants to find again when it is resumed.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Create the folder.

        Raises:
            FedchemoError: FC003 if it holds a run already and ``overwrite`` is False; FC004 if it cannot be made;
                FC409 if another process writes it.
        """
        self.path = path
        self.origin: dict[str, object] = {}
        self._replaced: Path | None = None
        if path.exists() and not path.is_dir():
            raise FedchemoError("FC003", f"{path} is a file")
        if path.is_dir() and any(path.iterdir()):
            if not overwrite:
                raise FedchemoError("FC003", f"{path} is not empty")
            if not _is_ours(path):
                raise FedchemoError("FC003", f"{path} holds files but no run: it is not overwritten")
            self._set_aside()
        try:
            (path / "rounds").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
        self._lock = _locked(path)

    def _set_aside(self) -> None:
        """Keep the old run until the new one begins: one that cannot even start must not cost the old one."""
        replaced = self.path.with_name(f".{self.path.name}.replaced")
        lock = _locked(self.path)
        try:
            if not self.begun and replaced.exists():
                # A run that was killed before it began had set the old one aside already.
                shutil.rmtree(self.path)
            else:
                shutil.rmtree(replaced, ignore_errors=True)
                self.path.rename(replaced)
        except OSError as error:
            raise FedchemoError("FC004", f"{self.path}: {error.strerror}") from error
        finally:
            lock.release()
        self._replaced = replaced

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """Return the folder of a run that has begun, for writing.

        Drafts and half a line of events that a crash left are removed.

        Raises:
            FedchemoError: FC404 if it holds no run, FC409 if another process writes it, FC004 if it cannot be
                written.
        """
        if not (path / CONFIGURATION).is_file():
            begun = (
                ", only one that was stopped before it began: start it anew, with --overwrite"
                if path.is_dir()
                else ""
            )
            raise FedchemoError("FC404", f"{path} holds no run{begun}")
        folder = cls.__new__(cls)
        folder.path, folder.origin, folder._replaced = path, {}, None
        try:
            (path / "rounds").mkdir(exist_ok=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
        folder._lock = _locked(path)
        folder.checkpoints.sweep()
        for draft in path.glob(".*.part"):
            with contextlib.suppress(OSError):
                draft.unlink()
        folder._mend_events()
        return folder

    @contextlib.contextmanager
    def begun_or_removed(self) -> Iterator[RunFolder]:
        """Undo the folder if the body fails before the run has begun; a run it replaced is back then."""
        try:
            yield self
        except BaseException:
            if not self.begun:
                shutil.rmtree(self.path, ignore_errors=True)
                if self._replaced:
                    self._replaced.rename(self.path)
            raise
        finally:
            self.release()

    def release(self) -> None:
        """Let other processes write the folder."""
        self._lock.release()

    @property
    def begun(self) -> bool:
        """Whether the run has begun."""
        return (self.path / CONFIGURATION).exists()

    @property
    def events(self) -> Path:
        """The file of events."""
        return self.path / "events.jsonl"

    def events_size(self) -> int:
        """Return the length of the file of events in bytes."""
        try:
            return self.events.stat().st_size
        except OSError:
            return 0

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """The files in ``rounds/``."""
        from fedchemo.server.checkpoint_files import Checkpoints

        return Checkpoints(self.path / "rounds")

    def write_configuration(self, configuration: RunConfiguration, fingerprint: str) -> None:
        """Write ``federation.toml``: all settings, versions, the fingerprint and where the run comes from.

        Raises:
            FedchemoError: FC004.
        """
        run = configuration.model_dump(mode="json", exclude_none=True)
        content = {
            "fingerprint": fingerprint,
            "protocol": PROTOCOL,
            "digest": _digest(run, fingerprint),
            "versions": versions(),
            "origin": {name: value for name, value in self.origin.items() if value is not None},
            "run": run,
        }
        write_text(self.path / CONFIGURATION, tomli_w.dumps(content))
        if self._replaced:
            shutil.rmtree(self._replaced, ignore_errors=True)
            self._replaced = None

    def read_begun(self) -> Begun:
        """Return what ``federation.toml`` says; raises as the function `read_begun`."""
        return read_begun(self.path)

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write ``summary.json``."""
        write_text(self.path / SUMMARY, json.dumps(summary, indent=1, allow_nan=False) + "\n")

    def _mend_events(self) -> None:
        """Cut off half a line at the end."""
        try:
            with self.events.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                while size:
                    start = max(0, size - (1 << 16))
                    file.seek(start)
                    end = file.read(size - start).rfind(b"\n")
                    if end >= 0 or not start:
                        size = start + end + 1
                        break
                    size = start
                file.truncate(size)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FedchemoError("FC004", f"{self.events}: {error.strerror}") from error


def read_begun(folder: Path) -> Begun:
    """Return what ``federation.toml`` in a run folder says.

    Raises:
        FedchemoError: FC404 if it is absent or damaged, FC301 if a setting is not valid.
    """
    path = folder / CONFIGURATION
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        run, fingerprint = content["run"], str(content["fingerprint"])
        found = {str(name): str(value) for name, value in content["versions"].items()}
        origin, written = dict(content.get("origin", {})), str(content.get("digest", ""))
    except OSError as error:
        raise FedchemoError("FC404", f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FedchemoError("FC404", f"{path} is damaged: {error}") from None
    return Begun(
        configuration=parse(RunConfiguration, run, source=str(path)),
        fingerprint=fingerprint,
        digest=_digest(run, fingerprint),
        written=written,
        versions=found,
        origin=origin,
    )


def _is_ours(path: Path) -> bool:
    """Tell whether a folder holds a run, or what is left of one that was killed before it began."""
    if (path / CONFIGURATION).exists() or (path / LOCK).exists():
        return True
    return [entry.name for entry in path.iterdir()] == ["rounds"] and not any((path / "rounds").iterdir())


def versions() -> dict[str, str]:
    """Return the versions of what decides the bits of a run."""
    return {name: version(name) for name in PACKAGES}


def _digest(run: Mapping[str, Any], fingerprint: str) -> str:
    """Return SHA-256 over the settings as they stand in the file, whatever this release makes of them."""
    canonical = json.dumps([run, fingerprint], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _locked(path: Path) -> filelock.BaseFileLock:
    """Hold the folder until the lock is released or this process ends.

    Raises:
        FedchemoError: FC409 if another process holds it, FC004 if it cannot be written.
    """
    import filelock

    lock = filelock.FileLock(path / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise FedchemoError("FC409", f"{path}") from None
    except OSError as error:
        raise FedchemoError("FC004", f"{path / LOCK}: {error.strerror or error}") from error
    return lock
