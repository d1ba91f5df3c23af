"""FedDyn at the coordinator (Acar et al. 2021, arXiv 2111.04263, algorithm 1).

`fedchemo.client.methods.feddyn` is the sites' part. The coordinator remembers h, the mean of what the sites remember: h
becomes h - alpha s (m - x), with m the mean of the sites' weights, x the model they began with and s the share of all
patients behind it; the next model is m - h / alpha. Sites are weighed by their training patients, in the paper alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower

from fedchemo.server.scaffold import share_of
from fedchemo.shared.wire.records import arrays as record_of_weights


class FedDyn(flower.FedAvg):
    """Takes the mean, and corrects it by where all rounds before have led.

    Args:
        alpha: of the regulariser; the sites have the same.
        options: of Flower's FedAvg.
    """

    def __init__(self, *, alpha: float, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.alpha = alpha
        self.drift: npt.NDArray[np.float32] | None = None
        """h, float32 (parameters,); None before the first round."""
        self._weights: npt.NDArray[np.float32] | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the requests of a round."""
        self._weights = arrays["weights"].numpy()
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model, and move h."""
        record, metrics = super().aggregate_train(server_round, replies)
        if record is None:
            return record, metrics
        assert self._weights is not None
        mean = record["weights"].numpy().astype(np.float32)
        before = np.zeros_like(mean) if self.drift is None else self.drift
        self.drift = before - np.float32(self.alpha * share_of(metrics)) * (mean - self._weights)
        return record_of_weights(mean - self.drift / np.float32(self.alpha)), metrics
