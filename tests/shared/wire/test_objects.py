"""Messages taken apart and put together again, by us and by flwr."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.app.message.message import make_message
from flwr.app.metadata import Metadata
from flwr.supercore.inflatable.inflatable_object import get_object_id
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from hypothesis import given, settings
from hypothesis import strategies as st

from fedchemo.shared.wire.objects import put_together, take_apart


def message(arrays: dict[str, np.ndarray]) -> Message:
    content = RecordDict(
        {
            "arrays": ArrayRecord({name: Array(value) for name, value in arrays.items()}),
            "config": ConfigRecord({"round": 3, "text": "früh"}),
        }
    )
    metadata = Metadata(
        run_id=1,
        message_id="",
        src_node_id=1,
        dst_node_id=2,
        reply_to_message_id="",
        group_id="",
        created_at=1.8e9,
        ttl=60.0,
        message_type="train",
    )
    return make_message(metadata=metadata, content=content)


def contents_of(whole: Message) -> dict[str, bytes]:
    _, _, objects = take_apart(whole)
    return {object_id: part.deflate() for object_id, part in objects.items()}


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
def test_what_was_taken_apart_is_put_together(size):
    weights = np.random.default_rng(0).random(size, dtype=np.float32)
    whole = message({"weights": weights, "zeros": np.zeros(2_000_000, np.float32)})
    contents = contents_of(whole)
    assert all(get_object_id(content) == object_id for object_id, content in contents.items())
    ours = put_together(whole.metadata.message_id, contents)
    flowers = inflate_object_from_contents(whole.metadata.message_id, dict(contents))
    assert ours.metadata.message_id == whole.metadata.message_id
    for name in ("weights", "zeros"):
        assert ours.content["arrays"][name].data == flowers.content["arrays"][name].data
    np.testing.assert_array_equal(ours.content["arrays"]["weights"].numpy(), weights)
    assert dict(ours.content["config"]) == {"round": 3, "text": "früh"}


WHOLE = message({"weights": np.arange(5, dtype=np.float32)})
CONTENTS = contents_of(WHOLE)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_is_wrong_with_the_objects_is_a_value_error(data):
    contents = dict(CONTENTS)
    victim = data.draw(st.sampled_from(sorted(contents)))
    match data.draw(st.sampled_from(["drop", "cut", "swap", "bytes"])):
        case "drop":
            del contents[victim]
        case "cut":
            contents[victim] = contents[victim][: data.draw(st.integers(0, len(contents[victim]) - 1))]
        case "swap":
            contents[victim] = contents[data.draw(st.sampled_from(sorted(contents)))]
        case "bytes":
            contents[victim] = data.draw(st.binary(max_size=80))
    with contextlib.suppress(ValueError):  # and no other exception
        put_together(WHOLE.metadata.message_id, contents)
