"""What SCAFFOLD, FedDyn and FedNova share: the next model is made of the last one and of the mean of what came back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower

from fedchemo.shared.wire.records import Weights
from fedchemo.shared.wire.records import arrays as record_of_weights


class FromMean(flower.FedAvg):
    """Flower's FedAvg, with a step after the mean.

    Args:
        options: of Flower's FedAvg.
    """

    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._weights: Weights | None = None

    def sent(self, weights: Weights) -> Weights:
        """Return what the sites are sent for the global model ``weights``, float32 (parameters,)."""
        return weights

    def step(self, weights: Weights, mean: Weights, metrics: MetricRecord) -> Weights:
        """Return the next global model, float32 (parameters,).

        Args:
            weights: the global model that the round began with.
            mean: of what the sites sent back, weighed by their training patients; as long as that.
            metrics: what `fedchemo.server.rounds.updates.Updates` tells of it.
        """
        raise NotImplementedError

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the requests of a round."""
        self._weights = arrays["weights"].numpy()
        record = record_of_weights(self.sent(self._weights))
        return super().configure_train(server_round, record, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model."""
        record, metrics = super().aggregate_train(server_round, replies)
        if record is None:
            return record, metrics
        assert self._weights is not None
        mean: npt.NDArray[np.float32] = record["weights"].numpy().astype(np.float32)
        return record_of_weights(self.step(self._weights, mean, metrics or MetricRecord())), metrics


def share_of(metrics: MetricRecord) -> float:
    """Return the share of all training patients that is behind a mean, as `Updates` tells it."""
    share = metrics.get("share", 1.0)
    assert isinstance(share, float)
    return share
