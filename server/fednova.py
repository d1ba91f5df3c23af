"""FedNova at the coordinator (Wang et al. 2020, arXiv 2007.07481).

`fedchemo.client.methods.fednova` is the sites' part: each sends the mean of its steps. The global model moves by the
mean over the sites, weighed by their training patients, times the mean length of their paths: about as far as with
FedAvg, but in a direction that does not depend on who took more steps.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower

from fedchemo.shared.wire.records import arrays as record_of_weights


class FedNova(flower.FedAvg):
    """Multiplies the mean of normalised updates by the mean length of the sites' paths; remembers nothing."""

    _weights: npt.NDArray[np.float32] | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the requests of a round."""
        self._weights = arrays["weights"].numpy()
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model."""
        record, metrics = super().aggregate_train(server_round, replies)
        if record is None:
            return record, metrics
        assert self._weights is not None
        assert metrics is not None
        length = metrics["path"]
        assert isinstance(length, float)
        mean = record["weights"].numpy().astype(np.float32)
        return record_of_weights(self._weights + np.float32(length) * (mean - self._weights)), metrics
