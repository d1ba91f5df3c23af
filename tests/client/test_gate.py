"""The gate: what is on no list does not leave."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.gate import release
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import EvaluateReply, FinishReply, TrainReply
from fedchemo.shared.wire.records import read_reply

TRAINED = TrainReply(examples=20, steps=3, loss=0.5, seconds=1.0, validation=None)
UPDATE = np.arange(4, dtype=np.float32)


def test_an_update_leaves_as_it_is():
    reply, weights = read_reply(release(TRAINED, UPDATE), TrainReply)
    assert reply == TRAINED
    assert weights.tobytes() == UPDATE.tobytes()


@pytest.mark.parametrize(
    ("reply", "weights"),
    [
        (TRAINED, None),
        (TRAINED, UPDATE.astype(np.float64)),
        (TRAINED, UPDATE.reshape(2, 2)),
        (TRAINED, np.array([1, np.nan], np.float32)),
        (TRAINED, np.array([1, np.inf], np.float32)),
        (FinishReply(), UPDATE),
        (EvaluateReply(scores=None), UPDATE),
        (RunConfiguration(), None),
    ],
)
def test_anything_else_is_refused(reply, weights):
    with pytest.raises(FedchemoError, match="FC902"):
        release(reply, weights)


def test_a_subclass_of_an_allowed_reply_is_not_allowed():
    class Stuffed(FinishReply):
        patients: list[str] = ["a"]

    with pytest.raises(FedchemoError, match="FC902"):
        release(Stuffed(), None)
