"""The outbound gate: the one place where an answer becomes bytes that leave the hospital."""

from __future__ import annotations

import numpy as np
from flwr.app import RecordDict

from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    FinishReply,
    LogisticReply,
    StatisticsReply,
    TrainReply,
)
from fedchemo.shared.wire.records import Weights, reply_content

ALLOWED = (StatisticsReply, LogisticReply, TrainReply, EvaluateReply, FinishReply)


def release(reply: Settings, weights: Weights | None) -> RecordDict:
    """Return the content of the message that leaves.

    Raises:
        FedchemoError: FC902 if the reply is of no allowed type, or an update holds a value that is not finite
            or comes with a reply that has none.
    """
    if type(reply) not in ALLOWED:
        raise FedchemoError("FC902", f"a {type(reply).__name__} is on no allow-list")
    if not isinstance(reply, TrainReply):
        if weights is not None:
            raise FedchemoError("FC902", "an array leaves with a training reply only")
        return reply_content(reply)
    if weights is None or weights.dtype != np.float32 or weights.ndim != 1 or not np.isfinite(weights).all():
        raise FedchemoError("FC902", "an update must be one finite float32 vector")
    return reply_content(reply, weights, examples=reply.examples)
