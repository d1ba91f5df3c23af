"""Checkpoints on disk: ``NNNN.safetensors`` and ``NNNN.json``, written whole, checked when they are read.

The tensors come first, then the description with their SHA-256 and one of its own: a description vouches for what
is there already. The hashes find damage and mixed-up files; they are no signature. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from fedchemo.server.checkpoint import FORMAT, Checkpoint, Description
from fedchemo.shared.atomic import replacing, write_text
from fedchemo.shared.configuration import parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.records import Weights

DAMAGED = "FC406"


@dataclass(frozen=True)
class Found:
    """The newest checkpoint that can be used, and what was wrong with newer ones."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]
    """A sentence each."""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, checkpoint: Checkpoint, *, run: str) -> None:
        """Write one, in place of any of the same round.

        Args:
            checkpoint: where the run stands.
            run: digest of the run's settings.

        Raises:
            FedchemoError: FC004 if the disk is full or the folder cannot be written; older ones are intact.
        """
        with replacing(self._tensors(checkpoint.round)) as part:
            try:
                safetensors.numpy.save_file(checkpoint.tensors(), part)
            except safetensors.SafetensorError as error:
                raise OSError(str(error)) from error
            # From the file, piece by piece: a copy in memory would cost as much as the model.
            with part.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
        described = checkpoint.described(run=run, tensors_sha256=digest).model_dump(mode="json")
        text = json.dumps({**described, "sha256": _seal(described)}, indent=1, allow_nan=False)
        write_text(self._description(checkpoint.round), text + "\n")

    def read(self, number: int, *, run: str | None = None) -> Checkpoint:
        """Return the checkpoint of a round.

        Args:
            number: of the round.
            run: digest of the settings that it must belong to; None is any.

        Raises:
            FedchemoError: FC406 if it is absent or damaged, FC408 if it belongs to another run.
        """
        described = self._describe(number)
        if run is not None and described.run != run:
            raise FedchemoError(
                "FC408",
                f"{self._description(number)} belongs to a run with other settings than federation.toml",
            )
        try:
            return described.checkpoint(self._load(number, described))
        except KeyError as error:
            raise FedchemoError(DAMAGED, f"{self._tensors(number)} holds no {error}") from error

    def weights(self, number: int) -> Weights:
        """Return the model of a round, float32 (parameters,).

        Raises:
            FedchemoError: as `read`.
        """
        return self.read(number).weights

    def numbers(self) -> list[int]:
        """Return the rounds that have a description, the newest first."""
        return sorted((int(path.stem) for path in self.folder.glob("[0-9]*.json")), reverse=True)

    def newest(self, *, run: str) -> Found:
        """Return the newest checkpoint from which the run can go on to the same end.

        One is passed over if it is damaged, or if the model of a round that may still be the result is: the rounds
        are then computed again from an older one.

        Args:
            run: digest of the run's settings.

        Raises:
            FedchemoError: FC408 if one belongs to another run.
        """
        damaged: list[str] = []
        surpassed: dict[tuple[str, ...], float] = {}
        for number in self.numbers():
            try:
                checkpoint = self.read(number, run=run)
                for candidate in checkpoint.candidates:
                    # One that a later round has surpassed was removed, and will be surpassed again.
                    if surpassed.get(candidate.judges, np.inf) >= candidate.log_loss:
                        self._check(candidate.round)
            except FedchemoError as error:
                if error.code != DAMAGED:
                    raise
                if error.what not in damaged:
                    damaged.append(error.what)
                with contextlib.suppress(FedchemoError):
                    for candidate in self._describe(number).candidates:
                        surpassed.setdefault(candidate.judges, candidate.log_loss)
                continue
            return Found(checkpoint, tuple(damaged))
        return Found(None, tuple(damaged))

    def prune(self, keep: set[int], *, every: int) -> None:
        """Remove every checkpoint but those in ``keep`` and each ``every``-th.

        Raises:
            FedchemoError: FC004 if one cannot be removed.
        """
        for path in self.folder.glob("[0-9]*.safetensors"):
            number = int(path.stem)
            if number not in keep and (number == 0 or number % every):
                try:
                    # The description goes first: tensors without one are no checkpoint, the reverse is a damaged one.
                    path.with_suffix(".json").unlink(missing_ok=True)
                    path.unlink()
                except OSError as error:
                    raise FedchemoError("FC004", f"{path}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove drafts that a crash left; nobody else may be writing."""
        for draft in self.folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                draft.unlink()

    def _check(self, number: int) -> None:
        described, path = self._describe(number), self._tensors(number)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FedchemoError(DAMAGED, f"{path}: {error.strerror}") from error
        if found != described.tensors_sha256:
            raise _changed(path)

    def _load(self, number: int, described: Description) -> dict[str, npt.NDArray[np.generic]]:
        path = self._tensors(number)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FedchemoError(DAMAGED, f"{path}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != described.tensors_sha256:
            raise _changed(path)
        try:
            return safetensors.numpy.load(content)
        except safetensors.SafetensorError as error:
            raise FedchemoError(DAMAGED, f"{path}: {error}") from error

    def _describe(self, number: int) -> Description:
        path = self._description(number)
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise FedchemoError(DAMAGED, f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise FedchemoError(DAMAGED, f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict) or content.pop("sha256", None) != _seal(content):
            raise FedchemoError(DAMAGED, f"{path} does not have the hash written in it")
        if content.get("format") != FORMAT:
            raise FedchemoError(
                DAMAGED, f"{path} has format {content.get('format')}, this release reads {FORMAT}"
            )
        # As JSON again: that is how tuples and numbers are read strictly.
        return parse(Description, json.dumps(content), source=str(path), code=DAMAGED)

    def _tensors(self, number: int) -> Path:
        return self.folder / f"{number:04d}.safetensors"

    def _description(self, number: int) -> Path:
        return self.folder / f"{number:04d}.json"


def _changed(path: Path) -> FedchemoError:
    return FedchemoError(DAMAGED, f"{path}: its SHA-256 is not that of {path.stem}.json")


def _seal(described: Mapping[str, Any]) -> str:
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
