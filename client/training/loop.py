"""Local training: one site's part of a round, readable from top to bottom."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fedchemo.client.training.data import TrainingData
from fedchemo.client.training.device import memory_named
from fedchemo.client.training.objective import objective
from fedchemo.client.training.order import BatchOrder, derived_order
from fedchemo.client.training.vectors import as_parameters
from fedchemo.shared.configuration import TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.augmentation import augment as augmented
from fedchemo.shared.model.fusion import FusionModel
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.path import steps_a_round
from fedchemo.shared.randomness import torch_stream


@dataclass(frozen=True)
class TrainingResult:
    """What a round of local training was.

    Args:
        loss: mean cross-entropy over the examples seen, each before the step that it caused.
        steps: optimiser steps taken.
        examples: examples seen; a patient counts once an epoch.
    """

    loss: float
    steps: int
    examples: int


def train_round(
    model: nn.Module,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    augment: bool,
    seed: int,
    site: str,
    round_number: int,
    device: torch.device,
    proximal_mu: float = 0.0,
    towards: Weights | None = None,
    correction: Weights | None = None,
    batch_order: BatchOrder = derived_order,
    parts: int = 1,
    progress: Callable[[int, int, float], None] | None = None,
) -> TrainingResult:
    """Train ``model`` in place, from the weights it holds, on one site's patients.

    A pure function of its arguments: the optimiser starts anew, every draw comes from a stream of (seed, site,
    round), and no global generator is touched. On a CPU with one thread equal arguments give equal bits.

    Args:
        model: holds the global weights; afterwards it holds the site's, on ``device``.
        data: at least one patient, all labelled.
        settings: optimiser, batch size, length of the round, clipping, precision.
        augment: whether images are augmented.
        seed: the run's.
        site: the site's name.
        round_number: the round.
        device: where to compute.
        proximal_mu: FedProx (arXiv 1812.06127): adds mu / 2 times the squared distance to ``towards``.
        towards: packed as the model is; by default the weights that it holds.
        correction: packed as the model is, added to the gradient of each step.
        batch_order: gives the batches.
        parts: in how many parts each batch is computed, for a device that cannot hold a whole one. Their gradients
            add up to the batch's, but for rounding: no layer looks at other patients, and an augmentation is drawn
            for the whole batch.
        progress: told step, steps and loss after each step.

    Raises:
        FedchemoError: FC320 if a loss or gradient is no longer finite; FC321 if memory runs out, or if ``parts`` is
            asked of a model with batch norm, whose layers do look at other patients.
        ValueError: if there are no patients.
    """
    if not len(data.patients):
        msg = f"{site} has no patients to train on"
        raise ValueError(msg)
    steps = steps_a_round(settings, len(data.patients))
    batches = batch_order(
        len(data.patients), settings.batch_size, seed=seed, site=site, round_number=round_number
    )
    augmentation = torch_stream(seed, site, round_number, "augment") if augment else None
    if parts > 1 and any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in model.modules()):
        raise FedchemoError("FC321", "a batch cannot be cut in parts for a model with batch norm")

    with memory_named(device, "the model"):
        model.to(device).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    origin = _origin(model, trained, towards, device) if proximal_mu else []
    shift = [] if correction is None else as_parameters(correction, model, device)
    optimizer = _optimizer(trained, settings)
    clinical = torch.from_numpy(data.clinical).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    # bfloat16 halves the time on a GPU and has float32's range, so losses need no scaling.
    half = (
        settings.autocast == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )

    total, taken, examples = 0.0, 0, 0
    with memory_named(device, f"training with batches of {settings.batch_size}"):
        for rows in itertools.islice(batches, steps):
            images, has_image = _images(data, rows, device, augmentation)
            optimizer.zero_grad()
            value = 0.0
            for part in _cut(len(rows), parts):
                patients, share = rows[part], len(rows[part]) / len(rows)
                seen = images[part] if len(images) else images
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                    loss, entropy = objective(
                        model, seen, has_image[part], clinical[patients], labels[patients]
                    )
                torch.autograd.backward(loss, torch.full_like(loss, share))
                value += share * entropy.item()
            _pull_back(trained, origin, proximal_mu)
            _shift(trained, shift)
            norm = _clip(trained, settings.clip_norm)
            if not (math.isfinite(value) and math.isfinite(norm)):
                raise _diverged(
                    site, round_number, f"step {taken + 1} of {steps}: loss {value}, gradient {norm}"
                )
            optimizer.step()

            taken, examples, total = taken + 1, examples + len(rows), total + value * len(rows)
            if progress is not None:
                progress(taken, steps, value)
    optimizer.zero_grad()
    return TrainingResult(loss=total / examples, steps=taken, examples=examples)


def predict(
    model: nn.Module,
    data: TrainingData,
    *,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the logit of each patient, float64 (n,), computed in float32 and without augmentation.

    Args:
        model: moved to ``device``.
        data: the patients; labels are not looked at.
        batch_size: patients at a time.
        device: where to compute.
        progress: told, after each batch, how many patients of how many are done.

    Raises:
        FedchemoError: FC321 if memory runs out.
    """
    with memory_named(device, "the model"):
        model.to(device).eval()
    clinical = torch.from_numpy(data.clinical).to(device)
    logits = np.empty(len(data.patients), dtype=np.float64)
    with torch.no_grad(), memory_named(device, f"prediction with batches of {batch_size}"):
        for start in range(0, len(logits), batch_size):
            rows = range(start, min(start + batch_size, len(logits)))
            images, has_image = _images(data, rows, device, None)
            logits[rows.start : rows.stop] = model(images, has_image, clinical[rows.start : rows.stop]).cpu()
            if progress is not None:
                progress(rows.stop, len(logits))
    return logits


def embed(
    model: FusionModel, data: TrainingData, *, batch_size: int, device: torch.device
) -> npt.NDArray[np.float32]:
    """Return the image embedding of each patient, all of whom have an image, float32 (n, width); as `predict`.

    Raises:
        FedchemoError: FC321 if memory runs out.
        ValueError: if the model looks at no images.
    """
    model.to(device).eval()
    clinical = torch.from_numpy(data.clinical).to(device)
    found: list[npt.NDArray[np.float32]] = []
    with torch.no_grad(), memory_named(device, f"prediction with batches of {batch_size}"):
        for start in range(0, len(data.patients), batch_size):
            rows = range(start, min(start + batch_size, len(data.patients)))
            images, _ = _images(data, rows, device, None)
            found.append(model.embedding(images, clinical[rows.start : rows.stop]).cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, 0), dtype=np.float32)


def _cut(examples: int, parts: int) -> list[slice]:
    """Return where the parts of a batch lie: as even as can be, and none of them empty."""
    bounds = [examples * part // min(parts, examples) for part in range(min(parts, examples) + 1)]
    return [slice(begin, end) for begin, end in itertools.pairwise(bounds)]


def _optimizer(trained: list[nn.Parameter], settings: TrainingSettings) -> torch.optim.Optimizer:
    # Decay is for matrices and kernels: pulling a norm's scale, a bias or the gate to zero is no regularisation.
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    # On a GPU one kernel for all parameters, instead of a dozen for each kind of them.
    fused = trained[0].device.type == "cuda"
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=fused)


def _images(
    data: TrainingData, rows: Sequence[int], device: torch.device, augmentation: torch.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (n, C, G, G, G), zeros where there is none, and which rows have one, bool (n,)."""
    patients = [data.patients[row] for row in rows]
    seen = [patient for patient in patients if patient in data.images]
    has_image = torch.tensor([patient in data.images for patient in patients], device=device)
    if not seen:
        return torch.empty(0, device=device), has_image
    found = data.images.batch(seen).to(device, non_blocking=True)
    if augmentation is not None:
        found = augmented(found, augmentation, channels=data.channels)
    if len(seen) == len(patients):
        return found, has_image
    images = found.new_zeros((len(patients), *found.shape[1:]))
    images[has_image] = found
    return images, has_image


def _origin(
    model: nn.Module, trained: list[nn.Parameter], towards: Weights | None, device: torch.device
) -> list[torch.Tensor]:
    """Return where the parameters are pulled to."""
    if towards is None:
        return [parameter.detach().clone() for parameter in trained]
    return as_parameters(towards, model, device)


def _pull_back(trained: list[nn.Parameter], origin: list[torch.Tensor], mu: float) -> None:
    """Add the gradient of mu / 2 ||w - origin||^2, also where this batch has none of its own."""
    for parameter, there in zip(trained, origin if mu else trained, strict=True):
        if mu:
            pull = mu * (parameter.detach() - there)
            parameter.grad = pull if parameter.grad is None else parameter.grad.add_(pull)


def _shift(trained: list[nn.Parameter], shift: list[torch.Tensor]) -> None:
    """Add a constant to the gradient, also where this batch has none of its own."""
    for parameter, constant in zip(trained, shift or trained, strict=True):
        if shift:
            parameter.grad = constant.clone() if parameter.grad is None else parameter.grad.add_(constant)


def _clip(trained: list[nn.Parameter], largest: float) -> float:
    """Shorten the gradient to an L2 norm of ``largest`` at most (0: leave it) and return its norm before."""
    if largest:
        return float(nn.utils.clip_grad_norm_(trained, largest))
    return float(nn.utils.get_total_norm([one.grad for one in trained if one.grad is not None]))


def _diverged(site: str, round_number: int, where: str) -> FedchemoError:
    return FedchemoError("FC320", f"{site}, round {round_number}, {where}")
