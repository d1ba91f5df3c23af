"""Typed messages in Flower's records, so that Flower's own strategies and servers can carry them.

A message is a ``RecordDict`` of at most three records: ``arrays`` (one array, ``weights``), ``config`` or
``reply`` (the typed message as JSON) and, on a reply with an update, ``metrics`` with ``num-examples``, by
which a stock Flower strategy weighs it. Anything else is refused.
"""

from __future__ import annotations

import functools
import io
import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from flwr.common.constant import SType
from numpy.lib import format as npy

from fedchemo.shared.configuration import PROTOCOL, Settings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import Request
from fedchemo.shared.wire.packed import PackedArray

Weights = npt.NDArray[np.float32]
Message = TypeVar("Message", bound=Settings)
Asked = TypeVar("Asked", bound=Request)
Record = TypeVar("Record", ArrayRecord, ConfigRecord, MetricRecord)

LARGEST_MESSAGE = 4 * 2**20
"""Longest JSON text of a typed message in bytes; weights are not part of it."""
_NPY_HEAD, _LONGEST_NPY_HEADER = 10, 512
# What Flower's strategies add to a request of their own accord.
FLOWERS_KEYS = {"server-round", "proximal-mu"}


def arrays(weights: Weights) -> ArrayRecord:
    """Return the record that carries packed weights, float32 (parameters,); they must not be changed afterwards."""
    record = ArrayRecord()
    # Set, since a record that is made from arrays makes them anew.
    record["weights"] = PackedArray(np.ascontiguousarray(weights, dtype=np.float32))
    return record


def config(request: Request) -> ConfigRecord:
    """Return the record that carries a request."""
    return ConfigRecord({"request": request.model_dump_json()})


def read_request(content: RecordDict, kind: type[Asked]) -> tuple[Asked, float, Weights | None]:
    """Return a request, the proximal term that Flower's FedProx asks for, and the weights sent with it.

    Raises:
        FedchemoError: FC303 for another protocol, FC304 for anything that the schema does not name,
            FC305 for weights that are no float32 vector.
    """
    unknown = set(content) - {"arrays", "config"}
    record = record_of(content, "config", ConfigRecord)
    if unknown or record is None or set(record) - FLOWERS_KEYS - {"request"}:
        raise FedchemoError(
            "FC304", f"a {kind.__name__} carries records or keys that the schema does not name"
        )
    text = record.get("request")
    if not isinstance(text, str) or len(text) > LARGEST_MESSAGE:
        raise FedchemoError("FC304", f"a {kind.__name__} carries no readable request")
    proximal_mu = record.get("proximal-mu", 0.0)
    if (
        isinstance(proximal_mu, bool)
        or not isinstance(proximal_mu, (int, float))
        or not 0 <= proximal_mu <= 1000
    ):
        raise FedchemoError("FC304", "proximal-mu is not a number between 0 and 1000")
    try:
        request = parse(kind, text, source=kind.__name__, code="FC304")
    except FedchemoError:
        _check_protocol(text)
        raise
    return request, float(proximal_mu), read_weights(content)


def reply_content(
    reply: Settings, weights: Weights | None = None, *, examples: int | None = None
) -> RecordDict:
    """Return the content of a reply; with an update, ``examples`` is its weight."""
    content = RecordDict({"reply": ConfigRecord({"reply": reply.model_dump_json()})})
    if weights is not None:
        content["arrays"] = arrays(weights)
    if examples is not None:
        content["metrics"] = MetricRecord({"num-examples": examples})
    return content


def read_reply(content: RecordDict, kind: type[Message]) -> tuple[Message, Weights | None]:
    """Return a reply and the update that came with it.

    Raises:
        FedchemoError: FC304 or FC305 as in `read_request`.
    """
    record = record_of(content, "reply", ConfigRecord)
    if set(content) - {"arrays", "reply", "metrics"} or record is None or set(record) != {"reply"}:
        raise FedchemoError(
            "FC304", f"a {kind.__name__} carries records or keys that the schema does not name"
        )
    text = record["reply"]
    if not isinstance(text, str) or len(text) > LARGEST_MESSAGE:
        raise FedchemoError("FC304", f"a {kind.__name__} is not readable")
    return parse(kind, text, source=kind.__name__, code="FC304"), read_weights(content)


def read_weights(content: RecordDict) -> Weights | None:
    """Return the packed weights in a message, read-only, or None if it carries none.

    Whoever uses them refuses values that are not finite, in the pass that uses them: `unpack` at a site,
    `Updates.add` at the coordinator.

    Raises:
        FedchemoError: FC305 if they are not one float32 vector.
    """
    record = record_of(content, "arrays", ArrayRecord)
    if record is None:
        return None
    if set(record) != {"weights"}:
        raise FedchemoError("FC305", "weights must come as one packed array")
    return _as_vector(record["weights"])


def record_of(content: RecordDict, name: str, kind: type[Record]) -> Record | None:
    """Return a record of a kind, or None.

    Flower's own views by kind refer to their content and it to them: it would stay in memory, with the model in
    it, until the garbage collector comes round.
    """
    record = content.get(name)
    return record if isinstance(record, kind) else None


def content_size(content: RecordDict) -> int:
    """Return how many bytes a message holds, its envelope and encryption aside; any content has a size."""
    size = 0
    for record in content.values():
        for value in record.values():
            if isinstance(value, PackedArray):
                size += value.size
            elif isinstance(value, Array):
                size += len(value.data)
            else:
                size += len(str(value).encode(errors="replace"))
    return size


def _as_vector(array: Array) -> Weights:
    """Return a read-only view of an array's bytes; nothing is unpickled and nothing copied."""
    if isinstance(array, PackedArray):
        return array.vector
    content = array.data if array.stype == SType.NUMPY else b""
    try:
        # Magic, version 1.0 and the length of what follows: numpy.lib.format.
        begin = _NPY_HEAD + int.from_bytes(content[_NPY_HEAD - 2 : _NPY_HEAD], "little")
        shape, dtype = _npy_header(content[: min(begin, _NPY_HEAD + _LONGEST_NPY_HEADER)])
        vector = np.frombuffer(content, np.float32, count=math.prod(shape), offset=begin)
    except (ValueError, EOFError) as error:
        raise FedchemoError("FC305", "the packed array cannot be read") from error
    if dtype != np.float32 or len(shape) != 1:
        raise FedchemoError("FC305", f"weights are {dtype} of {len(shape)} dimensions")
    return vector


@functools.lru_cache(maxsize=64)
def _npy_header(header: bytes) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Return what a header says; every message of a run has the same one, and numpy takes 0.1 ms to read it."""
    content = io.BytesIO(header)
    npy.read_magic(content)
    shape, _, dtype = npy.read_array_header_1_0(content, max_header_size=_LONGEST_NPY_HEADER)
    return shape, dtype


def _check_protocol(text: str) -> None:
    """Tell another release, whose messages have other keys, from a malformed message.

    Raises:
        FedchemoError: FC303 for another protocol, FC304 if it is not even JSON.
    """
    import pydantic_core

    try:
        spoken = pydantic_core.from_json(text).get("protocol")
    except (ValueError, AttributeError):
        raise FedchemoError("FC304", "a request is not JSON") from None
    if spoken != PROTOCOL:
        raise FedchemoError("FC303", f"this side speaks protocol {PROTOCOL}, the other side {spoken!r:.20}")
