"""Initial parameters: each drawn from a stream named after it, whatever else the model holds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fedchemo.shared.model.film import Film
from fedchemo.shared.model.fusion import FusionModel
from fedchemo.shared.randomness import torch_stream


def initialise(model: FusionModel, seed: int) -> None:
    """Set every parameter and buffer to its initial value.

    Convolutions are drawn after He et al. (arXiv 1502.01852, fan out), linear layers with unit variance out;
    norms start as the identity; biases, the clinical layer, the conditioning and the gate start at zero.

    Args:
        model: from `build`, on the CPU.
        seed: the run's; equal seeds give equal bits.
    """
    silent: set[nn.Module] = {model.clinical}
    silent |= {module.modulation for module in model.modules() if isinstance(module, Film)}
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
        for name, module in model.named_modules():
            if isinstance(module, nn.GroupNorm | nn.BatchNorm3d):
                module.weight.fill_(1)
                if isinstance(module, nn.BatchNorm3d) and module.running_var is not None:
                    module.running_var.fill_(1)
            elif isinstance(module, nn.Conv3d | nn.Linear) and module not in silent:
                stream = torch_stream(seed, "initial parameters", f"{name}.weight")
                module.weight.normal_(0, _deviation(module), generator=stream)


def set_clinical(model: FusionModel, coefficients: npt.NDArray[np.floating], intercept: float) -> None:
    """Set the clinical layer to a logistic model fitted elsewhere.

    Args:
        model: the model to change.
        coefficients: (d,), in the order of the clinical encoding.
        intercept: the logit at an encoded vector of zeros.

    Raises:
        ValueError: if there are not d coefficients.
    """
    weight = torch.as_tensor(np.asarray(coefficients, dtype=np.float32).reshape(1, -1))
    if weight.shape != model.clinical.weight.shape:
        msg = f"{weight.numel()} coefficients for {model.clinical.in_features} clinical features"
        raise ValueError(msg)
    with torch.no_grad():
        model.clinical.weight.copy_(weight)
        model.clinical.bias.fill_(intercept)


def _deviation(module: nn.Conv3d | nn.Linear) -> float:
    if isinstance(module, nn.Conv3d):
        return math.sqrt(2 / (module.out_channels * math.prod(module.kernel_size)))
    return math.sqrt(1 / module.in_features)
