"""Flower's messages as the objects that travel: what both halves of the Fleet API do with them.

Flower cuts an array into pieces of 5 MB and names each object by the hash of its content. Here a message is
hashed once, and an array is put together in one step: flwr's own way copies and grows it several times, which
for 100 MB costs ten times as long.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from flwr.app import Array, Message
from flwr.app.message.message import remove_content_from_message
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.constant import HEAD_BODY_DIVIDER
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_all_nested_objects,
    get_object_body,
    get_object_head_values_from_object_content,
    get_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents


def take_apart(message: Message) -> tuple[Message, ObjectTree, dict[str, InflatableObject]]:
    """Name a message by its hash; return its head without content, the tree of its objects, and the objects.

    Called within flwr's ``no_object_id_recompute``, objects that messages share are hashed once.
    """
    message.metadata.__dict__["_message_id"] = message.object_id
    return remove_content_from_message(message), get_object_tree(message), get_all_nested_objects(message)


def put_together(message_id: str, contents: Mapping[str, bytes]) -> Message:
    """Return a message from the contents of its objects.

    Args:
        message_id: the id of the message, which is one of the objects.
        contents: object id -> serialised object.

    Raises:
        ValueError: if they do not make up a message; the contents may come from anybody.
    """
    try:
        arrays: dict[str, InflatableObject] = {
            object_id: _join(content, contents)
            for object_id, content in contents.items()
            if get_object_head_values_from_object_content(content)[0] == Array.__qualname__
        }
        message = inflate_object_from_contents(
            message_id, dict(contents), keep_object_contents=True, objects=arrays
        )
    except Exception as error:
        msg = f"not a message of Flower ({type(error).__name__})"
        raise ValueError(msg) from error
    if not isinstance(message, Message):
        msg = f"a {type(message).__name__} instead of a message"
        raise ValueError(msg)  # noqa: TRY004 - the data is wrong, not the call
    message.metadata.__dict__["_message_id"] = message_id
    return message


def _join(content: bytes, contents: Mapping[str, bytes]) -> Array:
    """Return an array from its description and its pieces."""
    _, pieces, _ = get_object_head_values_from_object_content(content)
    described = json.loads(get_object_body(content, Array))
    order = (contents[pieces[index]] for index in described["arraychunk_ids"])
    bodies = (memoryview(piece)[piece.index(HEAD_BODY_DIVIDER) + len(HEAD_BODY_DIVIDER) :] for piece in order)
    return Array(described["dtype"], tuple(described["shape"]), described["stype"], b"".join(bodies))
