"""Only what the schema names travels, and what travels arrives unchanged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as vectors

from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainReply, TrainRequest
from fedchemo.shared.wire.records import (
    arrays,
    config,
    content_size,
    read_reply,
    read_request,
    read_weights,
    reply_content,
)

STATISTICS = ClinicalStatistics(names=("hr",), means=(0.5,), deviations=(0.5,), counts=(10,))


def request(**changes):
    values = {
        "run": "r",
        "fingerprint": "0" * 64,
        "configuration": SiteConfiguration(),
        "statistics": STATISTICS,
    }
    return TrainRequest(**{**values, **changes})


def content(**changes):
    return RecordDict({"config": config(request()), "arrays": arrays(np.ones(3, np.float32)), **changes})


@given(
    vectors(
        np.float32, st.integers(0, 50), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    )
)
def test_weights_arrive_to_the_bit(weights):
    asked, proximal_mu, arrived = read_request(content(arrays=arrays(weights)), TrainRequest)
    assert asked == request()
    assert proximal_mu == 0.0
    assert arrived.tobytes() == weights.tobytes()


def test_the_bytes_are_those_of_flowers_own_array():
    vector = np.arange(5, dtype=np.float32)
    assert arrays(vector)["weights"].data == Array(vector).data


@pytest.mark.parametrize("cut", [0, 5, 60, 130])
def test_a_truncated_array_is_refused(cut):
    whole = Array(np.arange(5, dtype=np.float32))
    damaged = Array(whole.dtype, whole.shape, whole.stype, whole.data[:cut])
    with pytest.raises(FedchemoError, match="FC305"):
        read_weights(RecordDict({"arrays": ArrayRecord({"weights": damaged})}))


def test_a_reply_carries_its_weight_where_flowers_strategies_look_for_it():
    reply = TrainReply(examples=7, steps=3, loss=0.5, seconds=1.0, validation=None)
    sent = reply_content(reply, np.zeros(2, np.float32), examples=7)
    assert sent["metrics"]["num-examples"] == 7
    assert read_reply(sent, TrainReply)[0] == reply


def test_what_flowers_fedprox_adds_is_understood():
    record = config(request())
    record["proximal-mu"] = 0.1
    record["server-round"] = 3
    assert read_request(content(config=record), TrainRequest)[1] == 0.1


def changed(**changes):
    return ConfigRecord({"request": json.dumps({**json.loads(request().model_dump_json()), **changes})})


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (changed(protocol=2), "FC303"),
        (changed(protocol=None), "FC303"),
        (changed(extra="x"), "FC304"),
        (changed(round=-1), "FC304"),
        (changed(run="../etc"), "FC304"),
        (changed(configuration={"training": {"batch_size": 10**9}}), "FC304"),
        (changed(configuration={"model": {"widths": [10**6] * 4}}), "FC304"),
        (ConfigRecord({"request": "{"}), "FC304"),
        (ConfigRecord({"request": "[]"}), "FC304"),
        (ConfigRecord({"request": b"{}"}), "FC304"),
        (ConfigRecord({"request": " " * (5 * 2**20)}), "FC304"),
        (ConfigRecord({"request": request().model_dump_json(), "more": 1}), "FC304"),
        (ConfigRecord({"request": request().model_dump_json(), "proximal-mu": -1.0}), "FC304"),
        (ConfigRecord({}), "FC304"),
    ],
)
def test_a_request_outside_the_schema_is_refused(record, code):
    with pytest.raises(FedchemoError, match=code):
        read_request(content(config=record), TrainRequest)


def test_an_unknown_record_is_refused():
    with pytest.raises(FedchemoError, match="FC304"):
        read_request(content(code=ConfigRecord({"run": "this"})), TrainRequest)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, np.float64),
        np.zeros((2, 2), np.float32),
        np.zeros(3, np.int32),
    ],
)
def test_weights_that_are_no_float32_vector_are_refused(array):
    with pytest.raises(FedchemoError, match="FC305"):
        read_weights(RecordDict({"arrays": ArrayRecord({"weights": Array(array)})}))


def test_several_arrays_and_unreadable_bytes_are_refused():
    vector = Array(np.zeros(3, np.float32))
    with pytest.raises(FedchemoError, match="FC305"):
        read_weights(RecordDict({"arrays": ArrayRecord({"weights": vector, "more": vector})}))
    damaged = Array(dtype="float32", shape=(3,), stype="numpy.ndarray", data=b"not an array")
    with pytest.raises(FedchemoError, match="FC305"):
        read_weights(RecordDict({"arrays": ArrayRecord({"weights": damaged})}))


def test_a_pickle_is_never_loaded():
    hostile = np.array([print], dtype=object)
    import io

    buffer = io.BytesIO()
    np.save(buffer, hostile, allow_pickle=True)
    array = Array(dtype="object", shape=(1,), stype="numpy.ndarray", data=buffer.getvalue())
    with pytest.raises(FedchemoError, match="FC305"):
        read_weights(RecordDict({"arrays": ArrayRecord({"weights": array})}))


def test_the_size_of_a_content_is_that_of_its_text_and_arrays():
    text = "größe"
    content = RecordDict(
        {"config": ConfigRecord({"request": text}), "arrays": arrays(np.ones(10, np.float32))}
    )
    assert content_size(content) == len(text.encode()) + len(content["arrays"]["weights"].data)
    ours, flowers = (
        RecordDict({"arrays": ArrayRecord({"weights": array})})
        for array in (arrays(np.ones(10, np.float32))["weights"], Array(np.ones(10, np.float32)))
    )
    assert content_size(ours) == content_size(flowers) > 40
    assert content_size(RecordDict()) == 0
