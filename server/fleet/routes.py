"""What a site may ask for: flwr's own handlers, each behind the checks that flwr leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flwr.common.constant import Status
from flwr.common.serde import message_from_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.server.superlink.utils import check_abort
from flwr.supercore.error import ApiErrorCode, FlowerError
from flwr.supercore.inflatable.inflatable_object import (
    UnexpectedObjectContentError,
    iterate_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import validate_object_content
from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata
from flwr.superlink.servicer.fleet import fleet_handlers
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from fedchemo.server.fleet.link import TAKEOVER_S, Link
from fedchemo.shared.wire.protobuf import cut_out, lead
from fedchemo.shared.wire.versions import Versions, difference

PULL_MESSAGES = "pull-messages"
PUSH_MESSAGES = "push-messages"
PUSH_OBJECT = "push-object"
ACTIVATE = "activate-node"

# A reply is one packed array in pieces of 5 MB: this many pieces are more than any model, and bound what one
# site can make the coordinator store.
MOST_OBJECTS = 1024


class RefusedError(Exception):
    """A request that a well-meaning site never sends."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class StoredObject:
    """A ``PullObjectResponse`` around an object of the store, to be sent from where it lies.

    All sites of a round are sent the same objects; a copy for each would be the largest thing in memory.
    """

    content: bytes

    @property
    def head(self) -> bytes:
        """What precedes the content in the serialised response."""
        found: bytes = PullObjectResponse(object_found=True, object_available=True).SerializeToString()
        return found + lead(PullObjectResponse.OBJECT_CONTENT_FIELD_NUMBER, len(self.content))


@dataclass(frozen=True)
class PushedObject:
    """A ``PushObjectRequest`` whose content still lies in the body that brought it."""

    head: PushObjectRequest
    content: memoryview

    @property
    def node(self) -> Node:
        """Who says that it sends it."""
        node: Node = self.head.node
        return node

    @classmethod
    def parse(cls, body: bytearray) -> PushedObject:
        """Read a request.

        Raises:
            DecodeError: if it is none.
        """
        try:
            rest, content = cut_out(body, PushObjectRequest.OBJECT_CONTENT_FIELD_NUMBER)
        except ValueError as error:
            raise DecodeError from error
        return cls(PushObjectRequest.FromString(rest), content)


class Routes:
    """The Fleet API as this coordinator offers it; anything else does not exist.

    Each site does one message at a time and asks for the next only when the last is done.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._state = link.state
        self._version = RuntimeVersionMetadata.from_local_component("SuperLink")
        self._offered: dict[int, frozenset[str]] = {}
        """Node -> the objects of the message that it was handed last."""
        self.parsers: Mapping[str, Callable[[bytearray], Protobuf | PushedObject]] = {
            ACTIVATE: _parser(ActivateNodeRequest),
            "deactivate-node": _parser(DeactivateNodeRequest),
            "send-node-heartbeat": _parser(SendNodeHeartbeatRequest),
            PULL_MESSAGES: _parser(PullMessagesRequest),
            PUSH_MESSAGES: _parser(PushMessagesRequest),
            "pull-object": _parser(PullObjectRequest),
            PUSH_OBJECT: PushedObject.parse,
            "confirm-message-received": _parser(ConfirmMessageReceivedRequest),
        }
        self.handlers: Mapping[str, Callable[..., Protobuf | StoredObject]] = {
            ACTIVATE: self.activate,
            "deactivate-node": lambda request: fleet_handlers.deactivate_node(request, self._state),
            "send-node-heartbeat": lambda request: fleet_handlers.send_node_heartbeat(request, self._state),
            PULL_MESSAGES: self.pull_messages,
            PUSH_MESSAGES: self.push_messages,
            "pull-object": self.pull_object,
            PUSH_OBJECT: self.push_object,
            "confirm-message-received": self.confirm,
        }

    def check_version(self, headers: Mapping[str, str]) -> None:
        """Refuse a node that speaks another protocol, or of another flwr minor release as flwr's own APIs do."""
        found = difference(Versions.told(headers), Versions.here())
        if found is not None and found.fatal:
            raise FlowerError(
                ApiErrorCode.RUNTIME_VERSION_INCOMPATIBLE, found.what, public_details=found.code
            )
        metadata, problem = RuntimeVersionMetadata.from_metadata(tuple(headers.items()))
        problem = problem or self._version.check_compatibility(metadata)
        if problem:
            raise FlowerError(ApiErrorCode.RUNTIME_VERSION_INCOMPATIBLE, problem, public_details="FC609")

    def activate(self, request: ActivateNodeRequest) -> ActivateNodeResponse:
        """Let a site in.

        flwr refuses a key that is online. A site that was restarted takes over as soon as its old process has
        missed a sign of life; until then the key counts as in use.
        """
        node = self.member(request)
        if self._link.silence_s(node) > TAKEOVER_S:
            self._state.deactivate_node(node)
        if node in self._link.online().values():
            raise _not_activated("FC607")
        response = fleet_handlers.activate_node(request, self._state)
        self._link.saw(node)
        return response

    def member(self, request: ActivateNodeRequest) -> int:
        """Return the node of a key of the roster; refuse any other key."""
        node = self._link.nodes.get(request.public_key)
        if node is None:
            raise _not_activated("FC606")
        return node

    def pull_messages(self, request: PullMessagesRequest) -> PullMessagesResponse:
        """Hand out the next message, or note that the site has nothing to do."""
        node = request.node.node_id
        response = fleet_handlers.pull_messages(request, self._state, self._link.store)
        if response.messages_list:
            trees = (part for tree in response.message_object_trees for part in iterate_object_tree(tree))
            self._offered[node] = frozenset(part.object_id for part in trees)
        if not response.messages_list and self._link.has_lost_work(node):
            self._link.note_idle(node)
        return response

    def takes_turn(self, request: PushMessagesRequest) -> bool:
        """Return whether a reply takes room: it has content, and answers what its node was sent and still owes."""
        self._check_push(request)
        head = request.messages_list[0]
        asked = self._state.message_ins_store.get(head.metadata.reply_to_message_id)
        owed = asked is not None and asked.metadata.dst_node_id == request.node.node_id
        return owed and not head.HasField("error")

    def push_messages(self, request: PushMessagesRequest) -> PushMessagesResponse:
        """Take the head of a reply; its objects follow. What nobody waits for is refused, and noted."""
        self._check_push(request)
        asked = request.messages_list[0].metadata.reply_to_message_id
        if asked not in self._state.message_ins_store:
            self._link.note_reply(asked, request.node.node_id)
        return fleet_handlers.push_messages(request, self._state)

    def _check_push(self, request: PushMessagesRequest) -> None:
        if len(request.messages_list) != 1 or len(request.message_object_trees) != 1:
            raise RefusedError(400, "one message a request")
        for number, _ in enumerate(iterate_object_tree(request.message_object_trees[0]), start=1):
            if number > MOST_OBJECTS:
                raise RefusedError(413, "too many objects in a message")
        # flwr checks that the node may call, not that it is the one that replies.
        if message_from_proto(request.messages_list[0]).metadata.src_node_id != request.node.node_id:
            raise RefusedError(403, "a reply in another node's name")

    def pull_object(self, request: PullObjectRequest) -> PullObjectResponse | StoredObject:
        """Hand out one object of the message that this node was handed last; flwr's handler without its copies."""
        self._require_run(request.run_id)
        # flwr hands any object to whoever knows its hash; the hash of a short answer can be guessed.
        if request.object_id not in self._offered.get(request.node.node_id, ()):
            raise RefusedError(403, "an object of no message to this node")
        content = self._state.get_object(request.run_id, request.object_id)
        problem = check_abort(request.run_id, [Status.PENDING, Status.STARTING, Status.FINISHED], self._state)
        if problem or not content:
            return fleet_handlers.pull_object(request, self._state)
        self._state.store_traffic(request.run_id, bytes_sent=len(content), bytes_recv=0)
        return StoredObject(content)

    def push_object(self, pushed: PushedObject) -> PushObjectResponse:
        """Take one object of a reply; what it is called must be what it is.

        flwr's handler without its copies of the content.
        """
        head = pushed.head
        if not head.session_id:
            raise RefusedError(400, "no push session")
        if hashlib.sha256(pushed.content).hexdigest() != head.object_id:
            raise RefusedError(400, "object does not match its id")
        content = bytes(pushed.content)
        try:
            validate_object_content(content)
        except UnexpectedObjectContentError as error:
            raise RefusedError(400, "malformed object") from error
        self._require_run(head.run_id)
        self._link.turns.renew(head.node.node_id)
        if check_abort(head.run_id, [Status.PENDING, Status.STARTING, Status.FINISHED], self._state):
            return fleet_handlers.push_object(head, self._state)
        stored = self._state.store_object(head.run_id, head.session_id, head.object_id, content)
        if stored:
            self._state.store_traffic(head.run_id, bytes_sent=0, bytes_recv=len(content))
        return PushObjectResponse(stored=stored)

    def _require_run(self, run_id: int) -> None:
        """Answer as for a run that is over; flwr's own check fails at one that never was."""
        if not self._state.get_run_status({run_id}):
            raise RefusedError(403, "no such run")

    def confirm(self, request: ConfirmMessageReceivedRequest) -> ConfirmMessageReceivedResponse:
        """Release the objects of a message that its site has received."""
        message = self._state.message_ins_store.get(request.message_object_id)
        if message is not None and message.metadata.dst_node_id != request.node.node_id:
            raise RefusedError(403, "another node's message")
        if (
            message is None
        ):  # the exchange is over, or it is no message: flwr would delete any object of that id
            return ConfirmMessageReceivedResponse()
        return fleet_handlers.confirm_message_received(request, self._state, self._link.store)


def _not_activated(code: str) -> FlowerError:
    """Return flwr's refusal with our reason; only someone who holds the key's private half gets this far."""
    return FlowerError(ApiErrorCode.FLEET_NODE_ACTIVATION_FAILED, code, public_details=code)


def _parser(kind: type[Protobuf]) -> Callable[[bytearray], Protobuf]:
    def parse(body: bytearray) -> Protobuf:
        request = kind()
        request.ParseFromString(bytes(body))
        return request

    return parse
