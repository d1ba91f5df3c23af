"""SCAFFOLD at a site (Karimireddy et al. 2020, arXiv 1910.06378, option II).

What a site remembers is its control variate c_i.

| travels | float32 |
|---|---|
| to the site | the global weights x, then the coordinator's control variate c |
| back | the site's weights y, then (x - y) / (K eta), the mean gradient along its K steps of eta |

c_i becomes c_i - c + (x - y) / (K eta), so the second vector is also c plus the change of c_i: its mean over the sites
moves c. Both vectors are sums over sites; secure aggregation can mask them as they are.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from fedchemo.client.methods.memory import Memory
from fedchemo.client.methods.plain import Plain, Reached, Train
from fedchemo.client.training.vectors import trained
from fedchemo.shared.configuration import TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.wire.messages import Request


class Scaffold(Plain):
    """Adds c - c_i to the gradient of each step, and sends what moves c."""

    remembers = True

    def __init__(self, request: Request, memory: Memory | None, model: nn.Module) -> None:
        check_plain(request.configuration.training, "SCAFFOLD")
        super().__init__(request, memory, model)

    @staticmethod
    def global_part(received: Weights) -> Weights:
        """Return the first of the two vectors."""
        return halves(received)[0]

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return the site's weights with the mean gradient behind them."""
        weights, control = halves(received)
        own = self.memory.before(len(weights))
        reached = train(weights, pull=proximal_mu, correction=control - own)
        rate = self.request.configuration.training.learning_rate
        path: Weights = (weights - reached.weights) / np.float32(reached.steps * rate)
        path[~trained(self.model)] = 0.0
        self.memory.keep(own - control + path)
        return np.concatenate((reached.weights, path)), reached


def halves(sent: Weights) -> tuple[Weights, Weights]:
    """Return the weights and the coordinator's control variate that travelled as one vector.

    Raises:
        FedchemoError: FC305 if they cannot be two vectors of one length, or a value is not finite.
    """
    half, odd = divmod(len(sent), 2)
    if odd or not half:
        raise FedchemoError("FC305", f"{len(sent)} weights are not a model and its control variate")
    if not np.isfinite(sent[half:]).all():
        raise FedchemoError("FC305", "a control variate holds a value that is not finite")
    return sent[:half], sent[half:]


def check_plain(settings: TrainingSettings, name: str) -> None:
    """Refuse an optimiser whose path is no sum of gradients.

    With plain SGD each step has at least the policy's ``training_patients`` behind it, too, so that no constant in the
    gradient can lead the steps past all patients but those of a small batch.

    Raises:
        FedchemoError: FC304.
    """
    if not settings.is_plain_sgd:
        raise FedchemoError("FC304", f"{name} takes optimizer = sgd without momentum and weight decay")
