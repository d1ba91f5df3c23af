"""Ditto at a site (Li et al. 2021, arXiv 2012.04221, algorithm 1): beside the global model, one of its own.

The site does its part of FedAvg, and then a round of training of its own model v, which minimises its loss plus
lambda / 2 |v - x|^2 with x the global weights received. v begins as the first x, is remembered by round and never
leaves; what is sent is FedAvg's update to the bit.
"""

from __future__ import annotations

from fedchemo.client.methods.plain import Plain, Reached, Train
from fedchemo.shared.model.packing import Weights


class Ditto(Plain):
    """Trains a second model that stays here."""

    remembers = True

    def round(self, train: Train, received: Weights, *, proximal_mu: float) -> tuple[Weights, Reached]:
        """Return the site's part of FedAvg."""
        reached = train(received, pull=proximal_mu)
        own = self.memory.newest(len(received), upto=self.request.round - 1)
        pulled = train(received if own is None else own, pull=self.request.method.pull, towards=received)
        self.memory.keep(pulled.weights)
        return reached.weights, reached

    def personal(self, train: Train, weights: Weights, *, after: int) -> Weights:
        """Return this site's own model after so many rounds; the result itself if it has none."""
        own = self.memory.newest(len(weights), upto=after)
        return self.tuned(train, weights if own is None else own)
