"""Weights as one float32 vector, and the manifest that says what lies where in it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import nn

from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError

Weights = npt.NDArray[np.float32]
"""Packed weights, float32 (manifest.size,)."""


class Entry(Settings):
    """One tensor of the vector, row by row."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    dtype: Literal["float32"] = "float32"

    @property
    def size(self) -> int:
        """How many values it takes."""
        return math.prod(self.shape)


class Manifest(Settings):
    """The tensors of a vector, one behind the other, in the order of their names."""

    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(entry.size for entry in self.entries)


def manifest(model: nn.Module) -> Manifest:
    """Return what `pack` makes of this model.

    Parameters and floating-point buffers travel. Integer buffers, which count batches, never do: they have
    no mean.
    """
    return Manifest(
        entries=tuple(
            Entry(name=name, shape=tuple(tensor.shape)) for name, tensor in _travelling(model).items()
        )
    )


def pack(model: nn.Module) -> Weights:
    """Return the model's weights as one float32 vector on the CPU; it shares no memory with the model."""
    vector: Weights = torch.cat([t.reshape(-1) for t in _travelling(model).values()]).cpu().numpy()
    return vector


def unpack(model: nn.Module, vector: Weights) -> None:
    """Set the model's weights from a vector that `pack` made.

    Args:
        model: built from the same configuration, on any device.
        vector: float32 (manifest(model).size,).

    Raises:
        FedchemoError: FC305 if the vector has another type or length or holds a value that is not finite; the
            model is then as it was.
    """
    tensors = _travelling(model)
    size = sum(tensor.numel() for tensor in tensors.values())
    if vector.dtype != np.float32:
        raise FedchemoError("FC305", f"weights are {vector.dtype}, not float32")
    if vector.shape != (size,):
        raise FedchemoError("FC305", f"weights have shape {vector.shape}; this model takes ({size},)")
    if not np.isfinite(vector).all():
        wrong = int(size - np.isfinite(vector).sum())
        raise FedchemoError("FC305", f"{wrong} of {size} weights are not finite")
    # A copy, because what came over the wire may be read-only, which torch does not know.
    parts = torch.split(torch.from_numpy(vector.copy()), [tensor.numel() for tensor in tensors.values()])
    with torch.no_grad():
        for tensor, part in zip(tensors.values(), parts, strict=True):
            tensor.copy_(part.view(tensor.shape))


def _travelling(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors that travel, by name; they share memory with the model."""
    found = sorted(model.state_dict().items())
    return {name: tensor for name, tensor in found if tensor.is_floating_point()}
