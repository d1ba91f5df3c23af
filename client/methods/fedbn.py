"""FedBN at a site (Li et al. 2021, arXiv 2102.07623): norm layers stay where they were trained.

Scale and shift of every norm layer (and with BatchNorm its running statistics) are this site's own: they replace the
received ones before the site judges or trains, are remembered by round, and never leave. In their place the site sends
back what it received, so that the update says nothing of them and the mean leaves them as they are: the published model
holds the initial ones. What a site itself predicts with is its own model, which the run leaves there.
"""

from __future__ import annotations

import numpy as np

from fedchemo.client.methods.plain import Plain, Reached, Train
from fedchemo.client.training.vectors import norms
from fedchemo.shared.model.packing import Weights


class FedBN(Plain):
    """Keeps its own norm layers."""

    remembers = True

    def start(self, weights: Weights, *, after: int) -> Weights:
        """Return the global model with this site's norm layers after so many rounds, if it has trained by then."""
        own = norms(self.model)
        kept = self.memory.newest(int(np.count_nonzero(own)), upto=after)
        if kept is None:
            return weights
        mixed = weights.copy()
        mixed[own] = kept
        return mixed

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return the site's weights, in which the norm layers are those received."""
        start = self.start(received, after=self.request.round - 1)
        reached = train(start, pull=proximal_mu)
        own = norms(self.model)
        self.memory.keep(reached.weights[own])
        sent = reached.weights.copy()
        sent[own] = received[own]
        return sent, reached
