"""SCAFFOLD at the coordinator (Karimireddy et al. 2020, arXiv 1910.06378).

`fedchemo.client.methods.scaffold` says what travels. Sites are weighed by their training patients, in the control
variate as in the model, and the control variate moves by the share of all patients that took part in the round; the
paper weighs sites alike. So it stays the mean of the sites' own, whoever takes part. It is a sum: order does not
matter, and secure aggregation can mask it; but the control variate is a mean gradient over all sites, and each is shown
it.
"""

from __future__ import annotations

import numpy as np
from flwr.app import MetricRecord

from fedchemo.server.from_mean import FromMean, share_of
from fedchemo.shared.wire.records import Weights


class Scaffold(FromMean):
    """Sends the weights with the control variate behind them, and takes the mean of both.

    Args:
        eta: server learning rate; 1 takes the mean as it is.
        options: of Flower's FedAvg.
    """

    def __init__(self, *, eta: float = 1.0, **options: float) -> None:
        super().__init__(**options)
        self.eta = eta
        self.control: Weights | None = None

    def sent(self, weights: Weights) -> Weights:
        """Return the weights, and the control variate behind them."""
        if self.control is None:
            self.control = np.zeros_like(weights)
        return np.concatenate((weights, self.control))

    def step(self, weights: Weights, mean: Weights, metrics: MetricRecord) -> Weights:
        """Return the next model, and move the control variate."""
        assert self.control is not None
        model, measured = np.split(mean, 2)
        self.control = self.control + np.float32(share_of(metrics)) * (measured - self.control)
        return model if self.eta == 1.0 else weights + np.float32(self.eta) * (model - weights)
