"""The run folder: configuration, events, checkpoints, the model and its summary."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import safetensors.numpy
import tomli_w

from fedchemo.shared.atomic import replacing, write_text
from fedchemo.shared.configuration import PROTOCOL, RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.records import Weights

CONFIGURATION = "federation.toml"
"""Written when the run begins."""


class RunFolder:
    """Writes ``runs/<name>/``; every file is whole or absent."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Create the folder.

        Raises:
            FedchemoError: FC003 if it holds a run already and ``overwrite`` is False; FC004 if it cannot be made.
        """
        self.path = path
        self._replaced: Path | None = None
        if path.exists() and not path.is_dir():
            raise FedchemoError("FC003", f"{path} is a file")
        if path.is_dir() and any(path.iterdir()):
            if not overwrite:
                raise FedchemoError("FC003", f"{path} is not empty")
            if not (path / CONFIGURATION).exists():
                raise FedchemoError("FC003", f"{path} holds files but no run: it is not overwritten")
            # Kept until the new run begins: one that cannot even start must not cost the old one.
            self._replaced = path.with_name(f".{path.name}.replaced")
            shutil.rmtree(self._replaced, ignore_errors=True)
            path.rename(self._replaced)
        try:
            (path / "rounds").mkdir(parents=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{path}: {error.strerror}") from error

    @contextlib.contextmanager
    def begun_or_removed(self) -> Iterator[RunFolder]:
        """Undo the folder if the body fails before the run has begun; a run it replaced is back then."""
        try:
            yield self
        except BaseException:
            if not (self.path / CONFIGURATION).exists():
                shutil.rmtree(self.path, ignore_errors=True)
                if self._replaced:
                    self._replaced.rename(self.path)
            raise

    @property
    def events(self) -> Path:
        """The file of events."""
        return self.path / "events.jsonl"

    def write_configuration(self, configuration: RunConfiguration, fingerprint: str) -> None:
        """Write ``federation.toml``: all settings, versions and the fingerprint."""
        content = {
            "fingerprint": fingerprint,
            "protocol": PROTOCOL,
            "versions": {name: version(name) for name in ("fedchemo", "flwr", "torch", "monai", "numpy")},
            "run": configuration.model_dump(mode="json", exclude_none=True),
        }
        write_text(self.path / CONFIGURATION, tomli_w.dumps(content))
        if self._replaced:
            shutil.rmtree(self._replaced, ignore_errors=True)

    def write_checkpoint(self, number: int, weights: Weights, details: Mapping[str, object]) -> None:
        """Write ``rounds/NNNN.safetensors`` and, after it, ``NNNN.json`` with its SHA-256."""
        content = safetensors.numpy.save({"weights": np.ascontiguousarray(weights)})
        with replacing(self._checkpoint(number)) as part:
            part.write_bytes(content)
        described = {"round": number, "sha256": hashlib.sha256(content).hexdigest(), **details}
        write_text(self._checkpoint(number).with_suffix(".json"), json.dumps(described, indent=1) + "\n")

    def read_checkpoint(self, number: int) -> Weights:
        """Return the weights of a checkpoint.

        Raises:
            FedchemoError: FC404 if it is absent or damaged.
        """
        path = self._checkpoint(number)
        try:
            content = path.read_bytes()
            expected = json.loads(path.with_suffix(".json").read_text())["sha256"]
        except (OSError, ValueError, KeyError) as error:
            raise FedchemoError("FC404", f"{path}: {error}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise FedchemoError("FC404", f"{path} is damaged: its SHA-256 is not that of {path.stem}.json")
        weights: Weights = safetensors.numpy.load(content)["weights"]
        return weights

    def prune_checkpoints(self, keep: set[int], *, every: int) -> None:
        """Remove every checkpoint but those in ``keep`` and each ``every``-th."""
        for path in (self.path / "rounds").glob("*.safetensors"):
            number = int(path.stem)
            if number not in keep and (number == 0 or number % every):
                # The description goes last: a checkpoint without one is damaged, the reverse is only absent.
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write ``summary.json``."""
        write_text(self.path / "summary.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")

    def _checkpoint(self, number: int) -> Path:
        return self.path / "rounds" / f"{number:04d}.safetensors"
