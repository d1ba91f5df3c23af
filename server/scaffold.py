"""SCAFFOLD at the coordinator (Karimireddy et al. 2020, arXiv 1910.06378).

`fedchemo.client.training.control` says what travels. Sites are weighed by their training patients, in the control
variate as in the model; the paper weighs them alike. It is a sum: order does not matter, and secure aggregation can
mask it; but the coordinator's control variate is a mean gradient over all sites, and every site is shown it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower

from fedchemo.shared.wire.records import CONTROL_VARIATES
from fedchemo.shared.wire.records import arrays as record_of_weights


class Scaffold(flower.FedAvg):
    """Sends the weights with the control variate behind them, and takes the mean of both.

    Args:
        eta: server learning rate; 1 takes the mean as it is.
        participation: share of all sites that train in a round, by which the control variate moves.
        options: of Flower's FedAvg.
    """

    def __init__(self, *, eta: float = 1.0, participation: float = 1.0, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.eta = eta
        self.participation = participation
        self.control: npt.NDArray[np.float32] | None = None
        self._weights: npt.NDArray[np.float32] | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the requests of a round."""
        self._weights = arrays["weights"].numpy()
        if self.control is None:
            self.control = np.zeros_like(self._weights)
        config[CONTROL_VARIATES] = True
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
        self.control = self.control + np.float32(self.participation) * (measured - self.control)
        return record_of_weights(mean), metrics
