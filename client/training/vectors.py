"""Packed vectors seen as what they are in a model: the pieces of its parameters, and which values are which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fedchemo.shared.model.packing import Weights, manifest

Mask = npt.NDArray[np.bool_]
"""bool (parameters,): which values of a packed vector are meant."""
NORMS = (nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


def as_parameters(vector: Weights, model: nn.Module, device: torch.device) -> list[torch.Tensor]:
    """Return a packed vector in the pieces and the order of the model's trained parameters."""
    entries = manifest(model).entries
    parts = torch.split(torch.from_numpy(vector.copy()).to(device), [entry.size for entry in entries])
    named = {entry.name: part.view(entry.shape) for entry, part in zip(entries, parts, strict=True)}
    return [named[name] for name, parameter in model.named_parameters() if parameter.requires_grad]


def trained(model: nn.Module) -> Mask:
    """Tell which values are trained; running statistics move, but not along a gradient."""
    return _mask(model, {name for name, parameter in model.named_parameters() if parameter.requires_grad})


def norms(model: nn.Module) -> Mask:
    """Tell which values belong to norm layers: scale, shift, running mean and variance."""
    layers = {name for name, module in model.named_modules() if isinstance(module, NORMS)}
    return _mask(model, {name for name in model.state_dict() if name.rpartition(".")[0] in layers})


def _mask(model: nn.Module, chosen: set[str]) -> Mask:
    entries = manifest(model).entries
    return np.repeat([entry.name in chosen for entry in entries], [entry.size for entry in entries])
