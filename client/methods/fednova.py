"""FedNova at a site (Wang et al. 2020, arXiv 2007.07481): the update, divided by how far its steps go.

A site that takes more steps pulls FedAvg's mean towards its own optimum. Here each sends x + (y - x) / |a|, where |a|
is the number of its steps (with momentum somewhat more, see `fedchemo.shared.path`); the coordinator takes the mean and
multiplies its step by the mean of |a|, which it knows from the settings and the numbers of patients. The mean is a sum,
and secure aggregation can mask it.
"""

from __future__ import annotations

import numpy as np

from fedchemo.client.methods.plain import Plain, Reached, Train
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.path import path_length


class FedNova(Plain):
    """Sends the mean of its steps in place of their sum; remembers nothing."""

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return the global weights moved by the normalised update."""
        reached = train(received, pull=proximal_mu)
        length = np.float32(path_length(self.request.configuration.training, reached.steps))
        return received + (reached.weights - received) / length, reached
