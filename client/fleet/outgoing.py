"""Every byte to the coordinator is made here: requests of ids and times, and objects that are in the ledger.

One function, `Outgoing.cleared`, turns a request into bytes. It knows each route of the Fleet API and each field
that may be set on it; anything else is refused, whoever asks for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from flwr.proto.message_pb2 import PushObjectRequest
from flwr.supercore.constant import HEAD_VALUE_DIVIDER
from google.protobuf.message import Message as Protobuf

from fedchemo.client.gate import Account, Gate, Part
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.protobuf import lead

Content: TypeAlias = Sequence[bytes | memoryview]
"""The bytes of an object, in parts that need no copy."""
PUSH_OBJECT = "push-object"


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _matches(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


_digest = _matches(r"[0-9a-f]{64}")
_session = _matches(r"[0-9A-Za-z_-]{1,64}")
# Both are the coordinator's own words, sent back.
_echo = _matches(r"[ -~]{0,80}")


def _code(value: object) -> bool:
    return value in CATALOGUE


Fields: TypeAlias = Mapping[str, Callable[[object], bool]]
_NODE: Fields = {"node.node_id": _number}
_OBJECT: Fields = {**_NODE, "run_id": _number, "object_id": _digest}
_HEAD: Fields = {
    "messages_list.metadata.run_id": _number,
    "messages_list.metadata.message_id": _digest,
    "messages_list.metadata.src_node_id": _number,
    "messages_list.metadata.dst_node_id": _number,
    "messages_list.metadata.reply_to_message_id": _digest,
    "messages_list.metadata.group_id": _echo,
    "messages_list.metadata.ttl": _number,
    "messages_list.metadata.message_type": _echo,
    "messages_list.metadata.created_at": _number,
    "messages_list.metadata.src_task_id": _number,
    "messages_list.metadata.dst_task_id": _number,
    "messages_list.error.code": _number,
    "messages_list.error.reason": _code,
}
ROUTES: Mapping[str, Fields] = {
    "activate-node": {"public_key": lambda _: True, "heartbeat_interval": _number},
    "deactivate-node": {"node_id": _number},
    "send-node-heartbeat": {**_NODE, "heartbeat_interval": _number},
    "pull-messages": _NODE,
    "pull-object": _OBJECT,
    "confirm-message-received": {**_NODE, "run_id": _number, "message_object_id": _digest},
    "push-messages": {
        **_NODE,
        **_HEAD,
        "message_object_trees.object_id": _digest,
        "clientapp_runtime_list": _number,
    },
    PUSH_OBJECT: {**_OBJECT, "session_id": _session},
}
"""Route -> field -> what its value may be. The public key is compared with the kit's own."""


class Outgoing:
    """Makes the bodies of requests.

    Args:
        public_key: of the kit; no other leaves.
        gate: where passages are written down. Without one, nothing is written down: for virtual sites and for tests
            of the network alone. `fedchemo client` always has one.
    """

    def __init__(self, public_key: bytes, gate: Gate | None) -> None:
        self._public_key, self._gate = public_key, gate
        self._written: dict[str, int] = {}

    def write_down(self, account: Account | None, objects: Mapping[str, Content]) -> None:
        """Write objects down; `cleared` then lets these pass, until others are written down.

        Args:
            account: what they are a part of.
            objects: SHA-256 -> bytes.

        Raises:
            FedchemoError: FC902 for an object of unknown kind or nobody's account, FC940 if the ledger fails.
        """
        sizes = {object_id: sum(map(len, content)) for object_id, content in objects.items()}
        self._written = {}
        if self._gate is not None:
            if account is None:
                raise FedchemoError("FC902", "an object that is nobody's answer")
            parts = [Part(_kind(content), sizes[name], name) for name, content in objects.items()]
            self._gate.pass_out(account, parts)
        self._written = sizes

    def cleared(self, route: str, request: Protobuf, content: Content = ()) -> Content:
        """Return the body of a request, in parts.

        Args:
            route: of the Fleet API.
            request: its fields.
            content: the object to push, with that route only.

        Raises:
            FedchemoError: FC902 if anything in it may not leave, FC940 if the ledger could not be written before.
        """
        if self._gate is not None:
            self._gate.check_ledger()
        allowed = ROUTES.get(route)
        if allowed is None:
            raise FedchemoError("FC902", f"{route:.40} is no route by which anything leaves")
        for path, value in _leaves(request):
            if path not in allowed or not allowed[path](value):
                raise FedchemoError("FC902", f"the field {path} of {route} may not leave as it is")
        if route == "activate-node" and request.public_key != self._public_key:
            raise FedchemoError("FC902", "the key of another")
        body: bytes = request.SerializeToString(deterministic=True)
        if route != PUSH_OBJECT:
            if content:
                raise FedchemoError("FC902", f"an object leaves by {PUSH_OBJECT} only")
            return (body,)
        length = sum(map(len, content))
        if self._gate is not None and self._written.get(request.object_id) != length:
            raise FedchemoError("FC902", "an object that was not written down")
        return (body + lead(PushObjectRequest.OBJECT_CONTENT_FIELD_NUMBER, length), *content)


def _leaves(message: Protobuf, above: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the value of every field that is set; trees of objects count as one level."""
    for field, value in message.ListFields():
        path = above if field.name == "children" else f"{above}.{field.name}".lstrip(".")
        values = [value] if isinstance(value, (Protobuf, int, float, str, bytes)) else value
        for one in values:
            if isinstance(one, Protobuf):
                yield from _leaves(one, path)
            else:
                yield path, one


def _kind(content: Content) -> str:
    """Return the class of an object, as its own first bytes say."""
    first = bytes(content[0][:32]) if content else b""
    return first.split(HEAD_VALUE_DIVIDER.encode(), 1)[0].decode("ascii", "replace")
