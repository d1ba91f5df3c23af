"""The means to train that a method is handed: from some weights, on this site's patients, as the request says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from fedchemo.client.methods.plain import Reached
from fedchemo.client.training.data import TrainingData
from fedchemo.client.training.loop import train_round
from fedchemo.client.training.order import BatchOrder
from fedchemo.shared.model.packing import Weights, pack, unpack
from fedchemo.shared.wire.messages import Request

AFTER_THE_RUN = 10**6
"""Added to a round's number for what is drawn in fine-tuning: no run has so many rounds."""


@dataclass
class Trainer:
    """Implements `fedchemo.client.methods.plain.Train` by `fedchemo.client.training.loop`.

    Args:
        request: says how to train.
        model: where training takes place.
        holds: the weights that the model holds, so that they are not copied into it again.
        data: the site's training patients.
        site: its name.
        device: where to compute.
        order: of the batches.
        parts: in how many parts each batch is computed.
        progress: told step, steps and loss after each step.
    """

    request: Request
    model: nn.Module
    holds: Weights
    data: TrainingData
    site: str
    device: torch.device
    order: BatchOrder
    parts: int
    progress: Callable[[int, int, float], None]

    def __call__(
        self,
        start: Weights,
        *,
        pull: float = 0.0,
        towards: Weights | None = None,
        correction: Weights | None = None,
        epochs: int = 0,
    ) -> Reached:
        """Train from some weights; arguments are those of the protocol."""
        if start is not self.holds:
            unpack(self.model, start)
        configuration = self.request.configuration
        training, number = configuration.training, self.request.round
        if epochs:
            training = training.model_copy(update={"local_epochs": epochs, "local_steps": 0})
            number += AFTER_THE_RUN
        result = train_round(
            self.model,
            self.data,
            training,
            augment=configuration.imaging.augment,
            seed=configuration.seed,
            site=self.site,
            round_number=number,
            proximal_mu=pull,
            towards=towards,
            correction=correction,
            device=self.device,
            batch_order=self.order,
            parts=self.parts,
            progress=self.progress,
        )
        self.holds = pack(self.model)
        return Reached(self.holds, result.steps, result.loss)
