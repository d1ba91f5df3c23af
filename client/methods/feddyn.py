"""FedDyn at a site (Acar et al. 2021, arXiv 2111.04263, algorithm 1).

The site minimises L(w) - <g, w> + alpha / 2 |w - x|^2 from the global weights x, where g is what it remembers: the
gradient of its loss where it last ended. Then g becomes g - alpha (w - x). It sends w, as every site does: the mean is
a sum, and secure aggregation can mask it.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from fedchemo.client.methods.memory import Memory
from fedchemo.client.methods.plain import Plain, Reached, Train
from fedchemo.client.methods.scaffold import check_plain
from fedchemo.client.training.vectors import trained
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.wire.messages import Request


class FedDyn(Plain):
    """Pulls towards the global model by alpha, against what earlier rounds have left."""

    remembers = True

    def __init__(self, request: Request, memory: Memory | None, model: nn.Module) -> None:
        check_plain(request.configuration.training, "FedDyn")
        super().__init__(request, memory, model)

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return the site's weights."""
        alpha = self.request.method.alpha
        gradient = self.memory.before(len(received))
        reached = train(received, pull=alpha + proximal_mu, correction=-gradient)
        gradient = gradient - np.float32(alpha) * (reached.weights - received)
        gradient[~trained(self.model)] = 0.0
        self.memory.keep(gradient)
        return reached.weights, reached
