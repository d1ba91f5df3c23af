from __future__ import annotations

import pickle

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.wire.objects import put_together, take_apart
from fedchemo.shared.wire.packed import PackedArray

SIZE = 5 * 1024 * 1024


def vector(count: int) -> np.ndarray:
    return np.random.default_rng(count).random(count, dtype=np.float32)


@given(st.integers(0, 300), st.integers(1, 500))
def test_its_pieces_are_flowers_bytes(count, size):
    weights = vector(count)
    whole = Array(weights).data
    assert PackedArray(weights).data == whole
    pieces = [bytes(piece) for piece in PackedArray(weights).cut(size)]
    head = len(whole) - 4 * count
    assert b"".join(pieces) == whole
    assert all(len(piece) == size for piece in pieces[1:-1])
    assert len(pieces[0]) == min(max(size, head), len(whole))


@pytest.mark.parametrize("count", [1, 1_310_688, 1_310_689, 3_000_000])
def test_a_message_has_the_id_that_flower_gives_it(count):
    """Around a multiple of the size of a piece too: any SuperLink must know the objects by their names."""
    # Flower's Message() asks the process who it is.
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    weights = vector(count)

    def objects(array: Array):
        record = ArrayRecord()
        record["weights"] = array
        content = RecordDict({"arrays": record})
        if isinstance(array, PackedArray):
            message = Message(content, dst_node_id=1, message_type="train")
            _, _, parts = take_apart(message)
            again = put_together(
                message.metadata.message_id,
                {name: part.deflate() for name, part in parts.items()},
                largest=2**24,
            )
            np.testing.assert_array_equal(again.content["arrays"]["weights"].numpy(), weights)
        return record.object_id

    assert objects(PackedArray(weights)) == objects(Array(weights))


def test_it_cannot_be_changed_through_what_it_shows_and_numpy_is_a_copy():
    weights = vector(4)
    array = PackedArray(weights)
    with pytest.raises(ValueError, match="read-only"):
        array.vector[0] = 1
    array.numpy()[0] = 7
    np.testing.assert_array_equal(array.vector, vector(4))


def test_another_process_gets_flowers_own_array():
    array = pickle.loads(pickle.dumps(PackedArray(vector(5))))
    assert type(array) is Array
    np.testing.assert_array_equal(array.numpy(), vector(5))
