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

LARGEST = 2**30


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
    ours = put_together(whole.metadata.message_id, contents, largest=LARGEST)
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
        put_together(WHOLE.metadata.message_id, contents, largest=LARGEST)


def test_arrays_are_as_long_as_allowed_in_all_however_often_they_name_a_piece():
    zeros = np.zeros(5_000_000, np.float32)  # 20 MB, of which three pieces differ and are sent
    whole = message({"one": zeros, "other": np.zeros(10, np.float32)})
    contents = contents_of(whole)
    assert sum(map(len, contents.values())) < 16_000_000
    length = sum(len(array.data) for array in whole.content["arrays"].values())
    assert put_together(whole.metadata.message_id, contents, largest=length).has_content()
    with pytest.raises(ValueError, match="more than"):
        put_together(whole.metadata.message_id, contents, largest=length - 1)


def test_records_beside_the_arrays_may_come_as_views():
    contents = {name: memoryview(content) for name, content in CONTENTS.items()}
    ours = put_together(WHOLE.metadata.message_id, contents, largest=LARGEST)
    assert dict(ours.content["config"]) == {"round": 3, "text": "früh"}
