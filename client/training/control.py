"""SCAFFOLD at a site (Karimireddy et al. 2020, arXiv 1910.06378): control variates, and where they are remembered.

What a site remembers is its control variate c_i by run and round. A request of round r looks at the newest round
before r, so a retried or resumed round finds what it found the first time and gives the same bits.

| travels | float32 |
|---|---|
| to the site | the global weights x, then the coordinator's control variate c |
| back | the site's weights y, then (x - y) / (K eta), the mean gradient along its K steps of eta |

By option II of the paper c_i becomes c_i - c + (x - y) / (K eta), so the second vector is also c plus the change of
c_i: its mean over the sites moves c. Both vectors are sums over sites; secure aggregation can mask them as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import torch
from torch import nn

from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.configuration import TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import Weights, manifest
from fedchemo.shared.private_file import PRIVATE_FOLDER, SECRET
from fedchemo.shared.wire.messages import Request

_KEPT = 4
"""Rounds remembered: a run that is resumed goes back by one, by two if its newest checkpoint is damaged."""


@dataclass(frozen=True)
class ControlVariates:
    """A site's own control variates of all its runs.

    Args:
        folder: for the methods' memory, in the site's state folder; made at first use, nobody else's to read.
    """

    folder: Path

    def before(self, request: Request, size: int) -> Weights:
        """Return the control variate that this site had before the request's round, zeros if it had none.

        Raises:
            FedchemoError: FC004 if what is remembered cannot be read or belongs to another model.
        """
        earlier = [number for number in self._rounds(request) if number < request.round]
        if not earlier:
            return np.zeros(size, dtype=np.float32)
        path = self._file(request, max(earlier))
        try:
            vector: npt.NDArray[np.float32] = safetensors.numpy.load(path.read_bytes())["control"]
        except (OSError, KeyError, safetensors.SafetensorError) as error:
            raise FedchemoError("FC004", f"{path}: {error}") from error
        if vector.shape != (size,) or vector.dtype != np.float32:
            raise FedchemoError("FC004", f"{path} holds another model's control variate")
        return vector

    def keep(self, request: Request, vector: Weights) -> None:
        """Remember the control variate after the request's round.

        Raises:
            FedchemoError: FC004 if it cannot be written.
        """
        path = self._file(request, request.round)
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{path.parent}: {error.strerror}") from error
        write_bytes(path, safetensors.numpy.save({"control": vector}), mode=SECRET)
        for number in sorted(self._rounds(request))[:-_KEPT]:
            self._file(request, number).unlink(missing_ok=True)

    def _rounds(self, request: Request) -> list[int]:
        return [int(path.stem) for path in self._folder(request).glob("[0-9]*.safetensors")]

    def _file(self, request: Request, number: int) -> Path:
        return self._folder(request) / f"{number:06}.safetensors"

    def _folder(self, request: Request) -> Path:
        # Hashed, since a run's name comes from another party; with its settings, since names are used again.
        told = f"{request.run}\0{request.fingerprint}\0{request.configuration.model_dump_json()}"
        return self.folder / "scaffold" / hashlib.sha256(told.encode()).hexdigest()[:32]


def check_plain(settings: TrainingSettings) -> None:
    """Refuse an optimiser whose path is no sum of gradients.

    Raises:
        FedchemoError: FC304.
    """
    if settings.optimizer != "sgd" or settings.momentum or settings.weight_decay:
        raise FedchemoError("FC304", "SCAFFOLD takes optimizer = sgd without momentum and weight decay")


def measured(received: Weights, reached: Weights, model: nn.Module, *, steps: int, rate: float) -> Weights:
    """Return the mean gradient along a site's steps, float32 (parameters,); 0 for what is not trained.

    Args:
        received: the weights that training began from.
        reached: the weights that it ended with.
        model: says which of them are trained.
        steps: SGD steps taken.
        rate: their learning rate.
    """
    found: Weights = (received - reached) / np.float32(steps * rate)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    start = 0
    for entry in manifest(model).entries:
        if entry.name not in trained:  # running statistics move, but not along a gradient
            found[start : start + entry.size] = 0.0
        start += entry.size
    return found


def as_parameters(vector: Weights, model: nn.Module, device: torch.device) -> list[torch.Tensor]:
    """Return a packed vector in the pieces and the order of the model's trained parameters."""
    entries = manifest(model).entries
    parts = torch.split(torch.from_numpy(vector.copy()).to(device), [entry.size for entry in entries])
    named = {entry.name: part.view(entry.shape) for entry, part in zip(entries, parts, strict=True)}
    return [named[name] for name, parameter in model.named_parameters() if parameter.requires_grad]
