"""Flower's Grid on the LinkState of this very process: no HTTP and no polling for the coordinator's half."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from flwr.app import Array, ArrayRecord, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_object import (
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.object_store import NoObjectInStoreError
from flwr.supercore.run import Run

from fedchemo.server.fleet.link import Link
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.wire.objects import put_together, take_apart
from fedchemo.shared.wire.packed import PackedArray

LOST, UNREADABLE, REMOVED, FAILED = "FC611", "FC612", "FC614", "FC990"
REPLY_BESIDES = 8 * 2**20
"""Bytes of arrays that a site may send when it was sent none: no reply of ours has any then."""
FOR_EVER_S = 10 * 365 * 86400.0
"""flwr lets messages expire by the wall clock, which may be set; here they are withdrawn when an exchange ends."""
PRESENCE_S = 0.5
"""How often to look for sites that have gone, when nothing else happens."""


class FleetGrid(Grid):
    """The way to the sites for one run.

    An error reply's reason is always a code of the catalogue, and its ``src_node_id`` the site that was asked.
    """

    def __init__(self, link: Link, run: Run) -> None:
        self._link, self._state, self._store = link, link.state, link.store
        self._run = run
        # By id of the message sent: the message, until it is answered, and the head of a reply that is arriving.
        self._sent: dict[str, Message] = {}
        self._arriving: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        """Change the run."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run that messages belong to."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Return a new message."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def sites(self) -> dict[str, int]:
        """Return the sites online: name -> node id."""
        return self._link.online()

    def members(self) -> list[str]:
        """Return the sites of the roster, online or not."""
        return [self._link.names[node] for node in list(self._link.nodes.values())]

    def late(self) -> dict[str, float]:
        """Return the messages to which a late reply was refused since the last call, and when."""
        return self._link.take_late()

    def get_node_ids(self) -> list[int]:
        """Return the node ids of the sites online."""
        return list(self.sites().values())

    def get_nodes(self) -> Sequence[NodeInfo]:
        """Return what flwr knows of the sites online."""
        return self._state.get_node_info(node_ids=self.get_node_ids())

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Return all replies at once; they are in memory together, unlike those of `replies`."""
        return list(self.replies(messages, timeout=timeout))

    def replies(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Message]:
        """Send messages and yield each reply as soon as it is complete; the grid keeps nothing of it.

        A site that is lost yields an error reply. What has not come at the timeout, or when the caller stops
        asking, is withdrawn: late replies are refused and nothing of them stays in memory.

        Args:
            messages: one for each site; those of a round should share their records, which are sent as one.
            timeout: seconds to wait; None waits until every site has answered or is lost.
            go_on: asked twice a second; the wait ends when it is False.
        """
        messages = list(messages)
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        self._link.take_idle()  # what was noted before these messages says nothing about them
        missing = set(self.push_messages(messages))
        try:
            while missing:
                self._link.arrived.clear()
                idle = self._link.take_idle()
                for reply in self.pull_messages(missing):
                    missing.discard(reply.metadata.reply_to_message_id)
                    yield reply
                self._send_again(idle)
                left = end - time.monotonic()
                if missing and (left <= 0 or not go_on()):
                    return
                if missing:
                    self._link.arrived.wait(min(left, PRESENCE_S))
        finally:
            for message_id in missing:
                self._give_up(message_id)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Send messages and return their ids, which a site's reply names."""
        with no_object_id_recompute():  # so the model that the messages share is hashed once
            return self._send(list(messages))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterator[Message]:
        """Yield the complete replies to messages, and error replies for sites that are lost."""
        wanted = set(message_ids) & self._sent.keys()
        self._link.online()  # takes silent sites off, which the next line reports
        for head in self._state.get_message_res(message_ids=set(wanted), run_id=self._run.run_id):
            self._arriving[head.metadata.reply_to_message_id] = head
        for message_id in wanted & self._arriving.keys():
            reply = self._complete(self._sent[message_id], self._arriving[message_id])
            if reply is not None:
                lost = reply.has_error() and reply.error.reason == LOST
                (self._give_up if lost else self._release)(message_id)
                yield reply

    def _send(self, messages: list[Message]) -> list[str]:
        """Store the objects of all messages first: a site never sees a message whose objects are not there."""
        heads = []
        for message in messages:
            message.metadata.delivered_at, message.metadata.ttl = "", FOR_EVER_S
            head, tree, objects = take_apart(message)
            session = self._state.start_session(self._run.run_id)
            for object_id in self._state.preregister_object_tree(tree, session):
                self._state.store_object(self._run.run_id, session, object_id, objects[object_id].deflate())
            heads.append(head)
        accepted = []
        for message, head in zip(messages, heads, strict=True):
            message_id = self._state.store_message_ins(head)
            if message_id is None:  # no such node, or the run has ended
                self._store.delete(message.metadata.message_id)
                continue
            self._sent[message_id] = message
            accepted.append(message_id)
            self._link.wake(message.metadata.dst_node_id)
        return accepted

    def _send_again(self, idle: set[int]) -> None:
        """Send again what sites were given and have lost, by a crash or a cut connection.

        flwr never hands out a message twice and would wait for the reply until the timeout. A site of ours that
        asks for work has none in hand, so what it was given and has not answered is lost.
        """
        lost = [
            message
            for message in self._sent.values()
            if message.metadata.dst_node_id in idle and message.metadata.delivered_at
        ]
        for message in lost:
            self._release(message.metadata.message_id)
        with no_object_id_recompute():
            self._send(lost)

    def _complete(self, sent: Message, head: Message) -> Message | None:
        """Return the whole reply, or None while its objects are still arriving.

        flwr hands out the head of a reply before its objects have been uploaded.
        """
        if head.has_error():
            offline = head.error.code == ErrorCode.NODE_UNAVAILABLE
            return _error_reply(sent, self._lost(sent) if offline else _code(head.error.reason))
        reply_id = head.metadata.message_id
        try:
            tree = self._store.get_object_tree(reply_id)
            contents = {part.object_id: self._store.get(part.object_id) for part in iterate_object_tree(tree)}
        except NoObjectInStoreError:  # the upload was given up; the site begins it anew
            del self._arriving[sent.metadata.message_id]
            return None
        present = {object_id: content for object_id, content in contents.items() if content}
        if len(present) < len(contents):
            online = sent.metadata.dst_node_id in self.get_node_ids()
            return None if online else _error_reply(sent, self._lost(sent))
        try:
            reply = put_together(reply_id, present, largest=_largest_reply(sent))
        except ValueError:  # whatever a faulty site sends, the round goes on
            return _error_reply(sent, UNREADABLE)
        if reply.has_error():
            return _error_reply(sent, _code(reply.error.reason))
        # flwr checked the head when it arrived; the metadata among the objects are the sender's word alone.
        whole = Message(reply.content, reply_to=sent)
        whole.metadata.__dict__["_message_id"] = reply_id
        return whole

    def _lost(self, sent: Message) -> str:
        return REMOVED if self._link.is_removed(sent.metadata.dst_node_id) else LOST

    def _give_up(self, message_id: str) -> None:
        """Forget a message that was not answered; a reply to it is late from now on."""
        sent = self._sent.get(message_id)
        if sent is not None:
            self._link.give_up(message_id, sent.metadata.dst_node_id)
        self._release(message_id)

    def _release(self, message_id: str) -> None:
        """Forget a message and what there is of its reply."""
        sent = self._sent.pop(message_id, None)
        head = self._arriving.pop(message_id, None)
        # A reply that came after the last look has an id that only the LinkState knows.
        reply_id = self._state.message_ins_id_to_message_res_id.get(message_id)
        self._state.delete_messages({message_id})
        for object_id in {message_id, reply_id or "", head.metadata.message_id if head else ""}:
            self._store.delete(object_id)
        if sent:  # last, since nobody joins the queue for a message that is gone
            self._link.turns.end(sent.metadata.dst_node_id)


def _error_reply(sent: Message, code: str) -> Message:
    """Return an error in the name of the site that was asked: flwr's own name node 1."""
    return Message(Error(ErrorCode.UNKNOWN, code), reply_to=sent)


def _largest_reply(sent: Message) -> int:
    """Return how many bytes the arrays of a reply may have: an update is as long as the model that was sent.

    SCAFFOLD's is twice as long as a model, and so is what it answers.
    """
    records = sent.content.values() if sent.has_content() else ()
    arrays = (array for record in records if isinstance(record, ArrayRecord) for array in record.values())
    return 2 * sum(_length(array) for array in arrays) + REPLY_BESIDES


def _length(array: Array) -> int:
    """Return how many bytes an array has, without making them where they are not needed."""
    return array.vector.nbytes if isinstance(array, PackedArray) else len(array.data)


def _code(reason: str | None) -> str:
    """Return the code that a site gave, or the one for an unnamed failure: no other text is taken from a site."""
    return reason if reason in CATALOGUE else FAILED
