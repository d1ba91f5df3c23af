"""Flower's messages as the objects that travel: what both halves of the Fleet API do with them.

Flower cuts an array into pieces of 5 MB and names each object by the hash of its content. Here a message is
hashed once, and an array is put together in one step: flwr's own way copies and grows it several times, which
for 100 MB costs ten times as long.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from flwr.app import Array, ArrayRecord, Message
from flwr.app.message.arraychunk import ArrayChunk
from flwr.app.message.message import remove_content_from_message
from flwr.common.constant import FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.constant import HEAD_BODY_DIVIDER, HEAD_VALUE_DIVIDER
from flwr.supercore.inflatable.inflatable_object import (
    InflatableObject,
    get_all_nested_objects,
    get_object_body,
    get_object_head_values_from_object_content,
    get_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

from fedchemo.shared.wire.packed import PackedArray

# A piece of an array has no children, so that what describes it is short.
_LONGEST_HEAD = 256
LONGEST_DESCRIPTION = 256 * 1024
"""Bytes of an array's description, which names its pieces of 5 MB: enough for 100 GB."""


class Piece(ArrayChunk):
    """A piece of an array that is hashed where it lies, once, and sent from there.

    flwr's own class builds a copy of its content to hash it and another to send it. Same bytes, same id.
    """

    @property
    def object_id(self) -> str:
        """The SHA-256 of the serialised piece."""
        known = self.__dict__.get("_object_id")
        if known is None:
            digest = hashlib.sha256()
            for part in self.parts():
                digest.update(part)
            known = self.__dict__["_object_id"] = digest.hexdigest()
        return str(known)

    def parts(self) -> tuple[bytes, memoryview]:
        """Return the serialised piece in two parts, the second not copied."""
        head = f"{ArrayChunk.__qualname__}{HEAD_VALUE_DIVIDER}{HEAD_VALUE_DIVIDER}{len(self.data)}"
        return head.encode() + HEAD_BODY_DIVIDER, self.data

    def deflate(self) -> bytes:
        """Return the serialised piece."""
        return b"".join(self.parts())


def take_apart(message: Message) -> tuple[Message, ObjectTree, dict[str, InflatableObject]]:
    """Name a message by its hash; return its head without content, the tree of its objects, and the objects.

    Called within flwr's ``no_object_id_recompute``, objects that messages share are hashed once.
    """
    if message.has_content():
        for record in message.content.values():
            if isinstance(record, ArrayRecord):
                for array in record.values():
                    _cut(array)
    message.metadata.__dict__["_message_id"] = message.object_id
    return remove_content_from_message(message), get_object_tree(message), get_all_nested_objects(message)


def _cut(array: Array) -> None:
    """Cut an array into pieces, as flwr would at its first look, if that has not been done."""
    if "_chunks" not in array.__dict__:
        size = FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE
        views = array.cut(size) if isinstance(array, PackedArray) else _slices(array.data, size)
        pieces = [Piece(view) for view in views]
        array.__dict__["_chunks"] = [(piece.object_id, piece) for piece in pieces]


def _slices(data: bytes, size: int) -> Iterator[memoryview]:
    for begin in range(0, len(data), size):
        yield memoryview(data)[begin : begin + size]


def put_together(message_id: str, contents: Mapping[str, bytes | memoryview], *, largest: int) -> Message:
    """Return a message from the contents of its objects.

    Args:
        message_id: the id of the message, which is one of the objects.
        contents: object id -> serialised object; long ones may be views.
        largest: bytes that the arrays may have in all. An array may name one piece ever so often, so what was
            received says nothing about its length.

    Raises:
        ValueError: if they do not make up a message, or too large a one; the contents may come from anybody.
    """
    try:
        arrays: dict[str, InflatableObject] = {}
        left = largest
        for object_id, content in _of_kind(Array, contents):
            array = _join(content, contents, left)
            arrays[object_id] = array
            left -= len(array.data)
        pieces = {object_id for object_id, _ in _of_kind(ArrayChunk, contents)}
        rest = {
            object_id: bytes(content)
            for object_id, content in contents.items()
            if object_id not in pieces and object_id not in arrays
        }
        message = inflate_object_from_contents(message_id, rest, keep_object_contents=True, objects=arrays)
    except _TooLargeError as error:
        msg = f"a message with arrays of more than {largest} bytes"
        raise ValueError(msg) from error
    except Exception as error:
        msg = f"not a message of Flower ({type(error).__name__})"
        raise ValueError(msg) from error
    if not isinstance(message, Message):
        msg = f"a {type(message).__name__} instead of a message"
        raise ValueError(msg)  # noqa: TRY004 - the data is wrong, not the call
    message.metadata.__dict__["_message_id"] = message_id
    return message


class _TooLargeError(Exception):
    """The arrays of a message are longer than they may be."""


def _of_kind(
    kind: type[InflatableObject], contents: Mapping[str, bytes | memoryview]
) -> Iterator[tuple[str, bytes | memoryview]]:
    begin = f"{kind.__qualname__}{HEAD_VALUE_DIVIDER}".encode()
    for object_id, content in contents.items():
        if bytes(content[: len(begin)]) == begin:
            yield object_id, content


def _join(content: bytes | memoryview, contents: Mapping[str, bytes | memoryview], largest: int) -> Array:
    """Return an array from its description and its pieces; its length is known before they are copied."""
    if len(content) > LONGEST_DESCRIPTION:
        raise _TooLargeError
    content = bytes(content)
    _, pieces, _ = get_object_head_values_from_object_content(content)
    described = json.loads(get_object_body(content, Array))
    bodies = [_body(contents[pieces[index]]) for index in described["arraychunk_ids"]]
    if sum(map(len, bodies)) > largest:
        raise _TooLargeError
    return Array(described["dtype"], tuple(described["shape"]), described["stype"], b"".join(bodies))


def _body(piece: bytes | memoryview) -> memoryview:
    """Return a view of what a piece of an array holds."""
    begin = bytes(piece[:_LONGEST_HEAD]).index(HEAD_BODY_DIVIDER) + len(HEAD_BODY_DIVIDER)
    return memoryview(piece)[begin:]
