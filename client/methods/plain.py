"""Plain training (FedAvg, McMahan et al. 2017), with FedProx's pull (Li et al. 2020); all others build on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import nn

from fedchemo.client.methods.memory import Memory
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.wire.messages import Request


@dataclass(frozen=True)
class Reached:
    """Where some steps of training have led.

    Attributes:
        weights: float32 (parameters,).
        steps: optimiser steps taken.
        loss: mean cross-entropy on the way.
    """

    weights: Weights
    steps: int
    loss: float


class Train(Protocol):
    """Trains on this site's patients, as the request says; what `fedchemo.client.training.loop` does is behind it."""

    def __call__(
        self,
        start: Weights,
        *,
        pull: float = 0.0,
        towards: Weights | None = None,
        correction: Weights | None = None,
        epochs: int = 0,
    ) -> Reached:
        """Train from some weights.

        Args:
            start: float32 (parameters,).
            pull: adds pull / 2 times the squared distance to ``towards``.
            towards: by default the start.
            correction: added to the gradient of each step.
            epochs: after the run, so many instead of a round.
        """
        ...


class Plain:
    """Trains from the weights received, and sends where it got.

    Args:
        request: as of `fedchemo.client.methods.method_of`, and so are the others.
        memory: see there.
        model: see there.
    """

    remembers: ClassVar[bool] = False
    """Whether it must remember something from round to round."""

    def __init__(self, request: Request, memory: Memory | None, model: nn.Module) -> None:
        if self.remembers and memory is None:
            raise FedchemoError(
                "FC304", f"this site remembers nothing between rounds, and {request.method.name} must"
            )
        self.request, self.model = request, model
        self._memory = memory

    @property
    def memory(self) -> Memory:
        """What this site remembers of the run."""
        assert self._memory is not None, "only methods that remember ask for it"
        return self._memory

    @staticmethod
    def global_part(received: Weights) -> Weights:
        """Return the global model of what a training request brought, float32 (parameters,)."""
        return received

    def start(self, weights: Weights, *, after: int) -> Weights:
        """Return the model that this site makes of a global one: by it the site judges, and from it it trains.

        Args:
            weights: the global model.
            after: rounds behind it.
        """
        del after
        return weights

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return what is sent back and where training led; what must be remembered is then written down.

        Args:
            train: the means to train.
            received: what the request brought.
            proximal_mu: FedProx's pull.
        """
        reached = train(received, pull=proximal_mu)
        return reached.weights, reached

    def personal(self, train: Train, weights: Weights, *, after: int) -> Weights:
        """Return the model of its own that the run leaves this site, float32 (parameters,).

        Args:
            train: the means to train.
            weights: the run's result.
            after: rounds behind it.
        """
        return self.tuned(train, self.start(weights, after=after))

    def tuned(self, train: Train, weights: Weights) -> Weights:
        """Train a model on for this site alone, if the run says so."""
        epochs = self.request.method.fine_tuning_epochs
        return train(weights, epochs=epochs).weights if epochs else weights
