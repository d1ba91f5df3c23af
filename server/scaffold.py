"""SCAFFOLD at the coordinator (Karimireddy et al. 2020, arXiv 1910.06378).

`fedchemo.client.methods.scaffold` says what travels. Sites are weighed by their training patients, in the control
variate as in the model, and the control variate moves by the share of all patients that took part in the round; the
paper weighs sites alike. So it stays the mean of the sites' own, whoever takes part. It is a sum: order does not
matter, and secure aggregation can mask it; but the control variate is a mean gradient over all sites, and each is shown
it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower

from fedchemo.shared.wire.records import arrays as record_of_weights


class Scaffold(flower.FedAvg):
    """Sends the weights with the control variate behind them, and takes the mean of both.

    Args:
        eta: server learning rate; 1 takes the mean as it is.
        options: of Flower's FedAvg.
    """

    def __init__(self, *, eta: float = 1.0, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.eta = eta
        self.control: npt.NDArray[np.float32] | None = None
        self._weights: npt.NDArray[np.float32] | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the requests of a round."""
        self._weights = arrays["weights"].numpy()
        if self.control is None:
            self.control = np.zeros_like(self._weights)
        both = record_of_weights(np.concatenate((self._weights, self.control)))
        return super().configure_train(server_round, both, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model, and move the control variate."""
        record, metrics = super().aggregate_train(server_round, replies)
        if record is None:
            return record, metrics
        assert self._weights is not None
        assert self.control is not None
        mean, measured = np.split(record["weights"].numpy().astype(np.float32), 2)
        if self.eta != 1.0:
            mean = self._weights + np.float32(self.eta) * (mean - self._weights)
        self.control = self.control + np.float32(share_of(metrics)) * (measured - self.control)
        return record_of_weights(mean), metrics


def share_of(metrics: MetricRecord | None) -> float:
    """Return the share of all training patients that is behind a mean, as `Updates` tells it."""
    share = metrics["share"] if metrics else 1.0
    assert isinstance(share, float)
    return share
