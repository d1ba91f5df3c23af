"""The updates of one round, and what the strategy makes of them."""

from __future__ import annotations

import math

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from fedchemo.server.aggregation import FixedPointMean
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.strategies import Method
from fedchemo.shared.configuration import TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.path import path_length, steps_a_round
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.shared.wire.records import Weights, arrays, read_weights


class Updates:
    """Sums updates as they come, or keeps them for a strategy that needs each of them.

    Args:
        method: the strategy, and whether it takes the mean.
        size: weights of the model; an update may hold several vectors of that length.
        training: what the sites were asked to do.
        patients: training patients of all sites, as far as they are known.
    """

    def __init__(
        self, method: Method, size: int, *, training: TrainingSettings | None = None, patients: int = 0
    ) -> None:
        self._method = method
        self._size = size * method.vectors
        self._training = training or TrainingSettings()
        self._patients = patients
        self._mean = FixedPointMean(self._size) if method.is_sum else None
        # Of each site the number of patients and how far its steps go.
        self._paths: list[tuple[int, float]] = []
        self._kept: dict[str, tuple[Weights, int]] = {}

    def add(self, answer: Answer[TrainReply]) -> None:
        """Take one update; on an error nothing has been taken.

        Raises:
            FedchemoError: FC305 or FC403 if it cannot be used.
        """
        if answer.weights is None or len(answer.weights) != self._size:
            raise FedchemoError("FC305", f"{answer.site} sent no update of {self._size} weights")
        if self._mean is not None:
            examples = answer.reply.examples
            self._mean.add(answer.weights, examples)
            # From the settings, not from the reply: a site cannot claim more steps than it was asked for.
            self._paths.append(
                (examples, path_length(self._training, steps_a_round(self._training, examples)))
            )
        else:
            if not np.isfinite(answer.weights).all():
                raise FedchemoError("FC305", f"the update of {answer.site} holds a value that is not finite")
            self._kept[answer.site] = (answer.weights, answer.reply.examples)

    def next_model(self, number: int) -> Weights:
        """Return the next global model, float32 (size,).

        Raises:
            FedchemoError: FC305 if the strategy's result is not finite.
        """
        if self._mean is not None:
            mean = self._mean.mean()
            if self._method.is_identity:
                return mean
            examples = self._mean.examples
            replies = [
                _as_reply(
                    mean,
                    examples,
                    # Exact before it is rounded, so that the order of arrival does not matter.
                    path=math.fsum(count * path for count, path in self._paths) / examples,
                    # Sites that withhold how many patients they have are known by their updates only.
                    share=examples / max(examples, self._patients),
                )
            ]
        else:
            replies = [_as_reply(*self._kept[site]) for site in sorted(self._kept)]
        record, _ = self._method.strategy.aggregate_train(number, replies)
        assert isinstance(record, ArrayRecord)
        if record["weights"].dtype != "float32":
            # The adaptive strategies compute in float64.
            record = arrays(record["weights"].numpy().astype(np.float32))
        weights = read_weights(RecordDict({"arrays": record}))
        assert weights is not None
        if not np.isfinite(weights).all():
            raise FedchemoError("FC305", f"the model of round {number} holds a value that is not finite")
        return weights


def _as_reply(weights: Weights, examples: int, **about: float) -> Message:
    """Return what Flower's strategies take for a site's reply; ``about`` is for strategies of ours."""
    metrics = MetricRecord({"num-examples": examples, **about})
    content = RecordDict({"arrays": arrays(weights), "metrics": metrics})
    return Message(content, dst_node_id=0, message_type="train")
