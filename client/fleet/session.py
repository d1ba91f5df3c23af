"""A hospital's session on Flower's Fleet API: signed requests, messages in, replies out, never any code."""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from flwr.app import Message, RecordDict
from flwr.app.message.message import make_message
from flwr.common.constant import (
    FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE,
    HEARTBEAT_MIN_INTERVAL,
    TIMESTAMP_HEADER,
)
from flwr.common.serde_utils import metadata_from_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeRequest,
    DeactivateNodeResponse,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ConfirmMessageReceivedResponse,
    PullObjectRequest,
    PullObjectResponse,
    PushObjectRequest,
    PushObjectResponse,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.date import now
from flwr.supercore.inflatable.inflatable_object import (
    iterate_object_tree,
)
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from fedchemo.client.fleet.faults import RefusedError, not_a_coordinator, refused
from fedchemo.client.fleet.outgoing import PUSH_OBJECT, Content, Outgoing
from fedchemo.client.fleet.parcel import Offer, Parcel, serialised
from fedchemo.client.fleet.transport import Answer, Transport
from fedchemo.client.gate import Gate
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Kit
from fedchemo.shared.wire.objects import put_together
from fedchemo.shared.wire.protobuf import cut_out
from fedchemo.shared.wire.versions import QUESTION, Difference, Versions, difference

Response = TypeVar("Response")
"""A message class of flwr's protocol; they are generated and untyped."""

CALL_S = 60.0
HEARTBEAT_CALL_S = 5.0
BUSY = 429
LARGE = 256 * 1024
LARGEST_MESSAGE = 2**30
MOST_OBJECTS = 1024
"""Objects of a message beside the pieces of its weights; ours have five."""
OBJECT_WAIT_S = 0.2
OBJECT_TRIES = 300
"""A stock SuperLink announces a message before its objects are there: how often to ask for one."""


class WithdrawnError(Exception):
    """The message is no longer wanted: its run or exchange is over, or the coordinator has forgotten it."""


class UnusableError(FedchemoError):
    """What the coordinator offered can be fetched, but is no message for this site: no use to try it again."""

    def __init__(self, what: str) -> None:
        super().__init__("FC304", f"what the coordinator sent is {what}")


@dataclass(frozen=True)
class Standing:
    """What the coordinator answers to whoever asks whether it would be let in, and would be.

    Attributes:
        online: whether a client with this kit is connected now.
        bytes: of the answer's body, which is made long enough to see how fast the line is; 0 if it is not.
        seconds: from the question to the end of the answer.
    """

    online: bool
    bytes: int
    seconds: float


class FleetSession:
    """Calls of the Fleet API in the name of one site.

    Work goes over one connection and signs of life over another, so that a long upload does not make the site
    look lost. Every method may raise the FedchemoErrors of `Transport.post` and of `faults.refused`.

    Args:
        kit: the site's kit.
        heartbeat: seconds within which the site promises a sign of life; flwr is told no less than 10.
        gate: where every object that leaves is written down; see `Outgoing`.
        proxy: see `Transport`.
        largest: bytes of the largest message that is fetched; see `largest_message`.
    """

    def __init__(
        self,
        kit: Kit,
        *,
        heartbeat: float,
        gate: Gate | None = None,
        proxy: str | None = None,
        largest: int = LARGEST_MESSAGE,
    ) -> None:
        self.address = kit.address
        self._key = kit.key()
        self._public_key = public_key_to_bytes(self._key.public_key())
        self._outgoing = Outgoing(self._public_key, gate)
        self._kit, self._heartbeat, self._largest = (
            kit,
            max(float(HEARTBEAT_MIN_INTERVAL), heartbeat),
            largest,
        )
        self._node: Node | None = None
        self._version = dict(RuntimeVersionMetadata.from_local_component("SuperNode").as_metadata())
        self._versions = Versions.here()
        self.coordinator = Versions(None, None, None)
        """What the coordinator runs, as far as it has told."""
        self._proxy = proxy
        self._work, self._life = Transport(kit, proxy), Transport(kit, proxy)
        self._life_lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether the coordinator has let this site in."""
        return self._node is not None

    def activate(self) -> int:
        """Join; return the node id.

        Raises:
            FedchemoError: FC303 or FC609 if coordinator and site cannot work together; the message says who must
                upgrade to what.
        """
        answer = self._activation(self._versions.headers())
        self._node = Node(node_id=_parsed(ActivateNodeResponse, answer.body, self.address).node_id)
        return int(self._node.node_id)

    def ask(self) -> Standing:
        """Ask whether this site would be let in, and join nothing: a client that runs with this kit is not disturbed.

        A coordinator that does not know the question lets the site in; then it is left at once.

        Raises:
            FedchemoError: FC606 if the key is not in the roster; FC303 and FC609 as `activate`.
        """
        began = time.monotonic()
        try:
            answer = self._activation({**self._versions.headers(), QUESTION: "1"})
        except RefusedError as error:
            if error.code != "FC607":
                raise
            return Standing(online=True, bytes=0, seconds=0.0)
        seconds = time.monotonic() - began
        if QUESTION not in answer.headers:
            self._node = Node(node_id=_parsed(ActivateNodeResponse, answer.body, self.address).node_id)
            self.leave()
            return Standing(online=False, bytes=0, seconds=seconds)
        return Standing(answer.headers[QUESTION] == "online", len(answer.body), seconds)

    def _activation(self, headers: Mapping[str, str]) -> Answer:
        """Post an activation; compare versions before anything else, whatever the answer is."""
        request = ActivateNodeRequest(public_key=self._public_key, heartbeat_interval=self._heartbeat)
        body = self._outgoing.cleared("activate-node", request)
        answer = self._work.post(
            "/v1/fleet/activate-node", {**self._headers(), **headers}, body, timeout=CALL_S
        )
        self.coordinator = Versions.told(answer.headers)
        found = self.difference
        if answer.status != 200:
            error = refused(answer.status, answer.headers, answer.body, address=self.address, now=now())
            if found is None or not found.fatal or error.code not in {"FC303", "FC609"}:
                raise error
            raise RefusedError(found.code, f"{self.address}: {found.what}", status=answer.status)
        if found is not None and found.fatal:
            raise FedchemoError(found.code, f"{self.address}: {found.what}")
        return answer

    @property
    def difference(self) -> Difference | None:
        """How the coordinator's versions differ from those here, as far as it has told them."""
        return difference(self._versions, self.coordinator)

    def forget(self) -> None:
        """Drop the node id, as after a refusal; the next step is to activate again."""
        self._node = None

    def beat(self) -> None:
        """Give a sign of life; may be called from another thread."""
        node = self._node
        if node is not None:
            request = SendNodeHeartbeatRequest(node=node, heartbeat_interval=self._heartbeat)
            with self._life_lock:
                self._call(
                    "send-node-heartbeat",
                    request,
                    SendNodeHeartbeatResponse,
                    self._life,
                    timeout=HEARTBEAT_CALL_S,
                )

    def leave(self) -> None:
        """Say good-bye, so that nobody waits for this site; a failure to do so is no failure."""
        node, self._node = self._node, None
        if node is None:
            return
        farewell = Transport(self._kit, self._proxy)
        try:
            request = DeactivateNodeRequest(node_id=node.node_id)
            self._call("deactivate-node", request, DeactivateNodeResponse, farewell, timeout=HEARTBEAT_CALL_S)
        except Exception:  # noqa: BLE001, S110 - whatever is answered to a good-bye
            pass
        finally:
            farewell.close()

    def interrupt(self) -> None:
        """Make the call under way on the work connection fail, and every later one."""
        self._work.interrupt()

    def close(self) -> None:
        """Close the connections."""
        self._work.close()
        with self._life_lock:
            self._life.close()

    def poll(self) -> Offer | None:
        """Ask for work; the coordinator may leave the question open for a while."""
        response = self._call("pull-messages", PullMessagesRequest(node=self._node), PullMessagesResponse)
        if not response.messages_list:
            return None
        if not response.message_object_trees:
            raise not_a_coordinator(self.address)
        try:
            # Of the head its metadata only: the content is what comes as objects.
            metadata = metadata_from_proto(response.messages_list[0].metadata)
            head = make_message(metadata=metadata, content=RecordDict())
            return Offer(head, response.message_object_trees[0])
        except Exception as error:  # a type that Flower does not know, a field of the wrong kind, and so on
            raise not_a_coordinator(self.address) from error

    def fetch(self, offer: Offer) -> Message:
        """Return the whole message and let the coordinator release it.

        Raises:
            WithdrawnError: if it is no longer there.
            UnusableError: if it is not a message of Flower, or a larger one than this site takes.
        """
        most = MOST_OBJECTS + self._largest // FLWR_PRIVATE_MAX_ARRAY_CHUNK_SIZE
        parts = itertools.islice(iterate_object_tree(offer.tree), most + 1)
        ids = list(dict.fromkeys(part.object_id for part in parts))
        if len(ids) > most:
            raise UnusableError(f"a message of more than {most} objects")
        contents: dict[str, bytes | memoryview] = {}
        size = 0
        for object_id in ids:
            contents[object_id] = self._pull(offer.run_id, object_id)
            size += len(contents[object_id])
            if size > self._largest:
                raise UnusableError(f"a message of more than {self._largest} bytes")
        try:
            message = put_together(offer.message_id, contents, largest=self._largest)
        except ValueError as error:
            raise UnusableError(str(error)) from error
        if not message.has_content():
            raise UnusableError("a message without content")
        confirmation = ConfirmMessageReceivedRequest(
            node=self._node, run_id=offer.run_id, message_object_id=offer.message_id
        )
        self._call("confirm-message-received", confirmation, ConfirmMessageReceivedResponse)
        self._begin_anew(after=size)
        return message

    def announce(self, parcel: Parcel) -> PushMessagesResponse | None:
        """Send the head of a reply; return what else to send, or None if the coordinator is busy with others.

        A coordinator leaves the question open until it is this site's turn; after None, ask again.
        """
        request = PushMessagesRequest(
            node=self._node,
            messages_list=[parcel.head],
            message_object_trees=[parcel.tree],
            clientapp_runtime_list=[parcel.seconds],
        )
        try:
            return self._call("push-messages", request, PushMessagesResponse)
        except RefusedError as error:
            if error.status != BUSY:
                raise
            return None

    def upload(self, parcel: Parcel, asked: PushMessagesResponse) -> bool:
        """Send what was asked for; return whether all was taken, else it must be delivered again from the start."""
        wanted = [object_id for object_id in asked.objects_to_push if object_id in parcel.objects]
        self._outgoing.write_down(
            parcel.account, {object_id: serialised(parcel.objects[object_id]) for object_id in wanted}
        )
        taken = all(self._push(parcel, asked.session_id, object_id) for object_id in wanted)
        self._begin_anew(after=parcel.size)
        return taken

    def _begin_anew(self, *, after: int) -> None:
        """Close the connection that has carried so many bytes, if they are many; the next call opens one.

        While it stays open, it holds buffers at the coordinator that have grown, and that of each site counts.
        """
        if after > LARGE:
            self._work.close()

    def _push(self, parcel: Parcel, session_id: str, object_id: str) -> bool:
        request = PushObjectRequest(
            node=self._node, run_id=parcel.run_id, session_id=session_id, object_id=object_id
        )
        answer = self._post(PUSH_OBJECT, request, serialised(parcel.objects[object_id]))
        return bool(_parsed(PushObjectResponse, answer, self.address).stored)

    def _pull(self, run_id: int, object_id: str) -> bytes | memoryview:
        """Return an object; a long one as a view of the answer that brought it."""
        request = PullObjectRequest(node=self._node, run_id=run_id, object_id=object_id)
        for _ in range(OBJECT_TRIES):
            answer = self._post("pull-object", request)
            try:
                rest, content = cut_out(answer, PullObjectResponse.OBJECT_CONTENT_FIELD_NUMBER)
            except ValueError:
                raise not_a_coordinator(self.address) from None
            response = _parsed(PullObjectResponse, rest, self.address)
            if not response.object_found:
                break
            if response.object_available:
                if hashlib.sha256(content).hexdigest() != object_id:
                    raise UnusableError("a message with an object that is not what it is called")
                return content if len(content) > LARGE else bytes(content)
            time.sleep(OBJECT_WAIT_S)
        raise WithdrawnError

    def _call(
        self,
        route: str,
        request: Protobuf,
        response_type: type[Response],
        transport: Transport | None = None,
        *,
        timeout: float = CALL_S,
    ) -> Response:
        answer = self._post(route, request, transport=transport, timeout=timeout)
        return _parsed(response_type, answer, self.address)

    def _post(
        self,
        route: str,
        request: Protobuf,
        content: Content = (),
        *,
        transport: Transport | None = None,
        timeout: float = CALL_S,
    ) -> bytes:
        """Return the body of the answer to a request; its bytes come from `Outgoing.cleared` and nowhere else."""
        body = self._outgoing.cleared(route, request, content)
        transport = transport or self._work
        answer = transport.post(f"/v1/fleet/{route}", self._headers(), body, timeout=timeout)
        if answer.status == 403:  # flwr: the run is over
            raise WithdrawnError
        if answer.status != 200:
            raise refused(answer.status, answer.headers, answer.body, address=self.address, now=now())
        return answer.body

    def _headers(self) -> dict[str, str]:
        """Sign the present time, as flwr's NodeAuthHttpInterceptor does."""
        timestamp = now().isoformat()
        return {
            **self._version,
            "content-type": PROTOBUF_MEDIA_TYPE,
            "accept": PROTOBUF_MEDIA_TYPE,
            TIMESTAMP_HEADER: timestamp,
            FLEET_HTTP_PUBLIC_KEY_HEADER: base64.b64encode(self._public_key).decode(),
            FLEET_HTTP_SIGNATURE_HEADER: base64.b64encode(
                sign_message(self._key, timestamp.encode())
            ).decode(),
        }


def _parsed(response_type: type[Response], body: bytes, address: str) -> Response:
    try:
        return response_type.FromString(body)  # type: ignore[attr-defined,no-any-return]
    except DecodeError:
        raise not_a_coordinator(address) from None
