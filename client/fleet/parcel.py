"""What a session takes in and gives out: a message on offer, and a reply ready to be delivered."""

from __future__ import annotations

from dataclasses import dataclass

from flwr.app import Message
from flwr.common.serde import message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import InflatableObject, no_object_id_recompute

from fedchemo.client.fleet.outgoing import Content
from fedchemo.client.gate import Account
from fedchemo.shared.wire.objects import Piece, take_apart

BESIDES = 8 * 2**20
"""Bytes of a message that are not weights: a request has 4 MB at most."""


@dataclass(frozen=True)
class Offer:
    """A message that the coordinator has for this site; ``head`` is without its content."""

    head: Message
    tree: ObjectTree

    @property
    def run_id(self) -> int:
        """Flower's number of the run."""
        return int(self.head.metadata.run_id)

    @property
    def message_id(self) -> str:
        """What the message is called, by the coordinator."""
        return str(self.head.metadata.message_id)


@dataclass(frozen=True)
class Parcel:
    """A reply, serialised and hashed once, however often its delivery must be tried."""

    run_id: int
    head: ProtoMessage
    tree: ObjectTree
    objects: dict[str, InflatableObject]
    seconds: float
    account: Account | None = None
    """What it is, for the ledger."""

    @property
    def size(self) -> int:
        """Bytes of the largest part, the arrays, as they lie in memory."""
        return sum(len(getattr(part, "data", b"")) for part in self.objects.values() if not part.children)


def largest_message(parameters: int) -> int:
    """Return the bytes that a message may have for a model of so many weights; SCAFFOLD's hold two such vectors."""
    return 2 * 4 * parameters + BESIDES


def pack(reply: Message, seconds: float, account: Account | None = None) -> Parcel:
    """Return a reply ready to be delivered; ``seconds`` is how long the work took, ``account`` what it is."""
    with no_object_id_recompute():
        head, tree, objects = take_apart(reply)
    return Parcel(reply.metadata.run_id, message_to_proto(head), tree, objects, seconds, account)


def serialised(found: InflatableObject) -> Content:
    """Return the bytes of an object, those of a piece of an array where they lie."""
    return found.parts() if isinstance(found, Piece) else (found.deflate(),)
