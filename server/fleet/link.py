"""Flower's LinkState for one federation, with the signals that take the place of polling.

Sites and the round loop meet here: the front stores what sites send, the grid takes it out. Both run in one
process, so nothing is polled over a network and no Control or Runtime API exists.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID
from flwr.proto.message_pb2 import ObjectTree
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.supercore.constant import NodeStatus
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore
from flwr.superlink.federation import NoOpFederationManager

from fedchemo.server.fleet.turns import Turns

# A site shows a sign of life every 4 s; one that missed it may be replaced by its own restarted process.
TAKEOVER_S = 6.0
LOST_AFTER_S = 20.0
MOST_GIVEN_UP = 10_000
"""Messages remembered that nobody waits for any more."""


class SteadyState(InMemoryLinkState):
    """Flower's state without the deadlines that it reckons by the wall clock, which may be set during a run.

    A machine that was suspended finds itself hours later: flwr would then take every site off and end the run. How
    long a site has been silent is told by `Link`, and when an exchange ends by the grid, by a clock that only counts.
    """

    def activate_node(self, node_id: int, heartbeat_interval: float) -> bool:
        """Let a node be online until `deactivate_node`."""
        return bool(super().activate_node(node_id, heartbeat_interval)) and self._keep_online(node_id)

    def acknowledge_node_heartbeat(self, node_id: int, heartbeat_interval: float) -> bool:
        """Let a node be online until `deactivate_node`."""
        known = super().acknowledge_node_heartbeat(node_id, heartbeat_interval)
        return bool(known) and self._keep_online(node_id)

    def deactivate_node(self, node_id: int) -> bool:
        """Take a node off, also by a clock that is set back later."""
        done = bool(super().deactivate_node(node_id))
        if done:
            self.nodes[node_id].online_until = 0.0
        return done

    def _keep_online(self, node_id: int) -> bool:
        self.nodes[node_id].online_until = float("inf")
        return True

    def _cleanup_expired_task_tokens_locked(self) -> None:
        """Keep the run's task: it lasts as long as this process, which holds both."""


class SharedObjects(InMemoryObjectStore):
    """Flower's object store, with registration in one step.

    Messages of one round share the model. flwr registers a tree object by object, so a site that confirms its
    message in between could take away an object that the next message is about to refer to.
    """

    def preregister(self, run_id: int, object_tree: ObjectTree) -> list[str]:
        """Register a tree; return the ids of the objects that are missing."""
        with self.lock_store:
            return super().preregister(run_id, object_tree)


class Link:
    """The state that the front and the grid share.

    Args:
        roster: site name -> public key (OpenSSH); nobody else can become a node.
        lost_after_s: seconds of silence after which a site counts as lost.
        turns: the sites' turns to upload.
    """

    def __init__(
        self, roster: Mapping[str, str], *, lost_after_s: float = LOST_AFTER_S, turns: Turns | None = None
    ) -> None:
        # Objects are verified by the front, outside flwr's locks.
        self.store = SharedObjects(verify=False)
        self.state = SteadyState(NoOpFederationManager(), self.store)
        self.arrived = threading.Event()
        """Set whenever a site has sent something or asks for work."""
        self.turns = turns or Turns()
        self.names: dict[int, str] = {}
        """Node id -> site, of members and of those that were."""
        self.nodes: dict[bytes, int] = {}
        """Public key (PEM) -> node id, of members."""
        self._removed: set[int] = set()
        self._lost_after_s = lost_after_s
        self._seen: dict[int, float] = {}
        self._idle: set[int] = set()
        # Messages that nobody waits for any more -> the node that was asked; and those it has answered since -> when.
        self._given_up: OrderedDict[str, int] = OrderedDict()
        self._late: dict[str, float] = {}
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self._lock = threading.Lock()
        self.admit(roster)

    def admit(self, roster: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Let these sites take part and nobody else, from now on; return who is new and who is out.

        A site that is out has no node any more: its requests are refused, its work is given up, and whatever it left
        open is answered at once. Its key, should it come back, stands for a new node.

        Args:
            roster: site name -> public key (OpenSSH).
        """
        wanted = {_public_pem(public_key): name for name, public_key in roster.items()}
        out = [key for key in self.nodes if key not in wanted]
        new = [key for key in wanted if key not in self.nodes]
        gone = [self.names[self._remove(key)] for key in out]
        for key in new:
            with self.state.lock:  # flwr keeps the keys of nodes that are gone, and would not take one again
                self.state.node_public_key_to_node_id.pop(key, None)
            node = self.state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, key, 0, name=wanted[key])
            self.names[node] = wanted[key]
            self.nodes[key] = node
        self.arrived.set()
        return [wanted[key] for key in new], gone

    def _remove(self, key: bytes) -> int:
        node = self.nodes.pop(key)
        self._removed.add(node)
        self.state.deactivate_node(node)
        self.state.delete_node(NOOP_FLWR_AID, node)
        self.turns.end(node)
        self.wake(node)
        return node

    def is_removed(self, node: int) -> bool:
        """Return whether a node was a member's and is none any more."""
        return node in self._removed

    def saw(self, node: int) -> None:
        """Note a sign of life."""
        self._seen[node] = time.monotonic()

    def silence_s(self, node: int) -> float:
        """Return the seconds since a node's last sign of life."""
        return time.monotonic() - self._seen.get(node, float("-inf"))

    def online(self) -> dict[str, int]:
        """Return the sites online: name -> node id; a site that has been silent for too long is taken off."""
        online = [node.node_id for node in self.state.get_node_info(statuses=[NodeStatus.ONLINE])]
        for node in [node for node in online if self.silence_s(node) > self._lost_after_s]:
            self.state.deactivate_node(node)
            online.remove(node)
        return {self.names[node]: node for node in online}

    def has_lost_work(self, node: int) -> bool:
        """Return whether a node was given a message whose reply has not come."""
        return any(
            message.metadata.dst_node_id == node and message.metadata.delivered_at
            for message in list(self.state.message_ins_store.values())
        )

    def note_idle(self, node: int) -> None:
        """Note that a node asks for work, so that it has none in hand."""
        with self._lock:
            self._idle.add(node)
        self.arrived.set()

    def take_idle(self) -> set[int]:
        """Return the nodes noted since the last call."""
        with self._lock:
            idle, self._idle = self._idle, set()
            return idle

    def give_up(self, message_id: str, node: int) -> None:
        """Note that a node's reply to a message is not waited for any more."""
        with self._lock:
            self._given_up[message_id] = node
            if len(self._given_up) > MOST_GIVEN_UP:
                self._given_up.popitem(last=False)

    def note_reply(self, message_id: str, node: int) -> None:
        """Note a reply that is refused; it is late if this node was asked and given up, and else nothing."""
        with self._lock:
            if self._given_up.get(message_id) != node:
                return
            del self._given_up[message_id]
            self._late[message_id] = time.monotonic()
        self.arrived.set()

    def take_late(self) -> dict[str, float]:
        """Return the messages with a late reply since the last call, and when it came by the monotonic clock."""
        with self._lock:
            late, self._late = self._late, {}
            return late

    def watch(self, node: int) -> asyncio.Event:
        """Return an event of the running loop that is set when there may be work for a node."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[node] = asyncio.get_running_loop(), event
        return event

    def watches(self, node: int, event: asyncio.Event) -> bool:
        """Return whether an event is the last one that a node waits for: an older request's caller has gone."""
        return self._waiting[node][1] is event

    def wake(self, node: int) -> None:
        """Wake the request that a node left waiting."""
        with self._lock:
            waiting = self._waiting.get(node)
        if waiting:
            loop, event = waiting
            with contextlib.suppress(RuntimeError):  # its listener has ended meanwhile
                loop.call_soon_threadsafe(event.set)

    def wake_all(self) -> None:
        """Wake every waiting request."""
        for node in list(self._waiting):
            self.wake(node)
        self.turns.wake_all()


def _public_pem(openssh: str) -> bytes:
    """Return a public key in the form in which flwr's nodes present it."""
    key = serialization.load_ssh_public_key(openssh.encode())
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
