"""FedNova at the coordinator (Wang et al. 2020, arXiv 2007.07481).

`fedchemo.client.methods.fednova` is the sites' part: each sends the mean of its steps. The global model moves by the
mean over the sites, weighed by their training patients, times the mean length of their paths: about as far as with
FedAvg, but in a direction that does not depend on who took more steps.
"""

from __future__ import annotations

import numpy as np
from flwr.app import MetricRecord

from fedchemo.server.from_mean import FromMean
from fedchemo.shared.wire.records import Weights


class FedNova(FromMean):
    """Multiplies the mean of normalised updates by the mean length of the sites' paths; remembers nothing."""

    def step(self, weights: Weights, mean: Weights, metrics: MetricRecord) -> Weights:
        """Return the next model."""
        length = metrics["path"]
        assert isinstance(length, float)
        return weights + np.float32(length) * (mean - weights)
