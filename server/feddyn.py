"""FedDyn at the coordinator (Acar et al. 2021, arXiv 2111.04263, algorithm 1).

`fedchemo.client.methods.feddyn` is the sites' part. The coordinator remembers h, the mean of what the sites remember: h
becomes h - alpha s (m - x), with m the mean of the sites' weights, x the model they began with and s the share of all
patients behind it; the next model is m - h / alpha. Sites are weighed by their training patients, in the paper alike.
"""

from __future__ import annotations

import numpy as np
from flwr.app import MetricRecord

from fedchemo.server.from_mean import FromMean, share_of
from fedchemo.shared.wire.records import Weights


class FedDyn(FromMean):
    """Takes the mean, and corrects it by where all rounds before have led.

    Args:
        alpha: of the regulariser; the sites have the same.
        options: of Flower's FedAvg.
    """

    def __init__(self, *, alpha: float, **options: float) -> None:
        super().__init__(**options)
        self.alpha = alpha
        self.drift: Weights | None = None
        """h, float32 (parameters,); None before the first round."""

    def step(self, weights: Weights, mean: Weights, metrics: MetricRecord) -> Weights:
        """Return the next model, and move h."""
        before = np.zeros_like(mean) if self.drift is None else self.drift
        self.drift = before - np.float32(self.alpha * share_of(metrics)) * (mean - weights)
        return mean - self.drift / np.float32(self.alpha)
