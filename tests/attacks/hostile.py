"""A coordinator in the hands of an attacker: a Fleet server written by hand, with a genuine certificate.

It is well-behaved where a test does not say otherwise, so that a test changes one thing. It keeps all that it is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.serde import message_to_proto
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2
from flwr.supercore.inflatable.inflatable_object import iterate_object_tree
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration, parse
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.model.build import structure
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.packing import manifest
from fedchemo.shared.wire.messages import Request, StatisticsRequest
from fedchemo.shared.wire.objects import take_apart
from fedchemo.shared.wire.records import arrays
from tests.networked import until
from tests.sites import SMALL

NODE, RUN = 7, 1
CLINICAL = {**SMALL, "imaging": {**SMALL["imaging"], "enabled": False}}
"""The real model without images, which trains in a moment."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a hospital answered: an error's code, or its objects."""

    code: str
    objects: tuple[bytes, ...]


Handler = Callable[[bytes], Answer | bytes]


def pose_as_run() -> None:
    """Let flwr's messages be made as if a run were under way in this process."""
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, RUN, 1


def site_configuration(**changes: Any) -> SiteConfiguration:
    """Return the configuration of a small run without images."""
    return parse(SiteConfiguration, {**CLINICAL, **changes}, source="test")


def model_of(configuration: SiteConfiguration) -> tuple[int, str]:
    """Return the number of weights and the fingerprint of the model."""
    features = names(configuration.clinical)
    described = manifest(structure(configuration.model, configuration.imaging, len(features)))
    return described.size, fingerprint(configuration, described, features)


def statistics_of(configuration: SiteConfiguration, **changes: Any) -> ClinicalStatistics:
    """Return federated statistics that leave every variable as it is."""
    known = variables(configuration.clinical)
    count = len(known)
    fields = {"names": known, "means": (0.0,) * count, "deviations": (1.0,) * count, "counts": (99,) * count}
    return ClinicalStatistics(**{**fields, **changes})


def fields_of(kind: type[Request] = StatisticsRequest, **changes: Any) -> dict[str, Any]:
    """Return a good request as JSON would have it, with some fields changed."""
    configuration = changes.pop("configuration", site_configuration())
    _, printed = model_of(configuration)
    fields: dict[str, Any] = {"run": "attack", "round": 1, "fingerprint": printed, "purpose": "a test"}
    fields["configuration"] = configuration.model_dump(mode="json")
    if "statistics" in kind.model_fields:
        fields["statistics"] = statistics_of(configuration).model_dump(mode="json")
    return {"protocol": 1, **fields, **changes}


class HostileFleet:
    """Serves one hospital.

    Args:
        folder: the federation whose server certificate the attacker has.
        handlers: route -> what to answer instead of the well-behaved answer.
    """

    def __init__(self, folder: FederationFolder, handlers: Mapping[str, Handler] | None = None) -> None:
        pose_as_run()
        self._folder = folder
        self.handlers: dict[str, Handler] = dict(handlers or {})
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        """Every request: route, headers, body."""
        self.objects: dict[str, bytes] = {}
        self._offers: queue.Queue[bytes] = queue.Queue()
        self._heads: dict[str, Any] = {}
        self._pushed: dict[str, dict[str, bytes]] = {}
        self._trees: dict[str, list[str]] = {}

    @contextlib.contextmanager
    def serving(self) -> Iterator[HostileFleet]:
        """Serve while the context lasts."""
        fleet = self

        class OneRequest(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                route = self.path.rpartition("/")[2]
                body = self.rfile.read(int(self.headers["content-length"]))
                fleet.received.append((route, dict(self.headers), body))
                answer = fleet.answer(route, body)
                with contextlib.suppress(OSError):  # the hospital may hang up
                    self.send_response_only(answer.status)
                    for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder.server_certificate, self._folder.server_key)
        server = Server(("127.0.0.1", self._folder.read_settings().port), OneRequest)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, route: str, body: bytes) -> Answer:
        """Return the answer to a request."""
        handler = self.handlers.get(route) or getattr(self, f"_on_{route.replace('-', '_')}", None)
        if handler is None:
            return Answer(status=404)
        given = handler(body)
        return given if isinstance(given, Answer) else Answer(given)

    def offer(self, message: Message) -> str:
        """Put a message before the hospital; return its id."""
        head, tree, objects = take_apart(message)
        self.objects |= {object_id: found.deflate() for object_id, found in objects.items()}
        return self.offer_raw(message_to_proto(head), tree)

    def offer_raw(self, head: Any, *trees: Any) -> str:
        """Put anything before the hospital."""
        response = fleet_pb2.PullMessagesResponse(messages_list=[head], message_object_trees=trees)
        self._offers.put(response.SerializeToString())
        return str(head.metadata.message_id)

    def ask(
        self,
        fields: Mapping[str, Any] | str,
        weights: Any = None,
        *,
        kind: str = "query.statistics",
        **more: Any,
    ) -> str:
        """Put a request before the hospital; ``more`` are records beside it."""
        import json

        text = fields if isinstance(fields, str) else json.dumps(fields)
        content = RecordDict({"config": ConfigRecord({"request": text})})
        if weights is not None:
            content["arrays"] = arrays(np.asarray(weights, np.float32))
        for name, record in more.items():
            content[name] = record
        return self.offer(Message(content, dst_node_id=NODE, message_type=kind))

    def reply(
        self, message_id: str, *, seconds: float = 30, ended: Callable[[], bool] = lambda: False
    ) -> Reply:
        """Wait for the whole answer to a message; fail when the hospital has ended."""

        def whole() -> bool:
            wanted = self._trees.get(message_id)
            return wanted is not None and set(wanted) <= self._pushed[message_id].keys()

        until(lambda: whole() or ended(), seconds=seconds, what=f"the answer to {message_id[:8]}")
        assert whole(), "the hospital's process has ended"
        head = self._heads[message_id]
        code = head.error.reason if head.HasField("error") else ""
        return Reply(code, tuple(self._pushed[message_id].values()))

    def wire(self) -> bytes:
        """Return all that the hospital has sent, headers too."""
        return b"\n".join(
            route.encode() + repr(headers).encode() + body for route, headers, body in list(self.received)
        )

    def _on_activate_node(self, _body: bytes) -> bytes:
        return fleet_pb2.ActivateNodeResponse(node_id=NODE).SerializeToString()

    def _on_deactivate_node(self, _body: bytes) -> bytes:
        return fleet_pb2.DeactivateNodeResponse().SerializeToString()

    def _on_send_node_heartbeat(self, _body: bytes) -> bytes:
        return heartbeat_pb2.SendNodeHeartbeatResponse(success=True).SerializeToString()

    def _on_pull_messages(self, _body: bytes) -> bytes:
        with contextlib.suppress(queue.Empty):
            return self._offers.get(timeout=0.3)
        return b""

    def _on_pull_object(self, body: bytes) -> bytes:
        asked = message_pb2.PullObjectRequest.FromString(body)
        content = self.objects.get(asked.object_id)
        found = content is not None
        return message_pb2.PullObjectResponse(
            object_found=found, object_available=found, object_content=content or b""
        ).SerializeToString()

    def _on_confirm_message_received(self, _body: bytes) -> bytes:
        return message_pb2.ConfirmMessageReceivedResponse().SerializeToString()

    def _on_push_messages(self, body: bytes) -> bytes:
        request = fleet_pb2.PushMessagesRequest.FromString(body)
        head = request.messages_list[0]
        asked = head.metadata.reply_to_message_id
        ids = list(
            dict.fromkeys(part.object_id for part in iterate_object_tree(request.message_object_trees[0]))
        )
        self._heads[asked] = head
        self._pushed.setdefault(asked, {})
        self._trees[asked] = ids
        return fleet_pb2.PushMessagesResponse(objects_to_push=ids, session_id="session").SerializeToString()

    def _on_push_object(self, body: bytes) -> bytes:
        request = message_pb2.PushObjectRequest.FromString(body)
        assert hashlib.sha256(request.object_content).hexdigest() == request.object_id
        for asked, ids in list(self._trees.items()):
            if request.object_id in ids:
                self._pushed[asked][request.object_id] = request.object_content
        return message_pb2.PushObjectResponse(stored=True).SerializeToString()


def slowly(seconds: float, handler: Handler) -> Handler:
    """Return a handler that takes its time."""

    def late(body: bytes) -> Answer | bytes:
        time.sleep(seconds)
        return handler(body)

    return late
