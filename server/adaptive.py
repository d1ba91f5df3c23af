"""The adaptive strategies as Reddi et al. 2021 (arXiv 2003.00295, algorithm 2) write them.

Flower's differ in three things: FedAdam corrects the bias of its moments, as Adam does and that algorithm does not;
FedAdagrad has no momentum; and the second moment starts from 0 and not from tau squared.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy.fedopt import FedOpt

_LIMIT = 10**9
"""A round after which Flower's correction, which depends on its number alone, is exactly 1."""


class _FromTau(FedOpt):
    """Starts the second moment from tau squared."""

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        messages = super().configure_train(server_round, arrays, config, grid)
        if not self.v_t:
            assert self.current_arrays is not None
            self.v_t = {name: np.full_like(array, self.tau**2) for name, array in self.current_arrays.items()}
        return messages


class PaperFedAdam(_FromTau, flower.FedAdam):
    """FedAdam without the correction of the moments' bias."""

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model; the moments are taken as they are in every round."""
        del server_round
        return super().aggregate_train(_LIMIT, replies)


class PaperFedYogi(_FromTau, flower.FedYogi):
    """FedYogi; its rule is Flower's."""


class PaperFedAdagrad(_FromTau, flower.FedAdagrad):
    """FedAdagrad with momentum.

    Args:
        beta_1: of the momentum; 0 is none.
        options: of Flower's FedAdagrad.
    """

    def __init__(self, *, beta_1: float, eta: float, tau: float, **options: float) -> None:
        super().__init__(eta=eta, tau=tau, **options)  # type: ignore[arg-type]
        self.beta_1 = beta_1
