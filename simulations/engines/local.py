"""A Flower Grid whose sites live in this process: the ordinary ClientApp in threads, no polling, no copies.

Threads suffice: torch, NumPy and the cache release the interpreter's lock. Answers are handed out as they
come and only a few are in flight at a time, so memory does not grow with the number of sites.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.shared.memory import keep_freed_memory
from fedchemo.shared.quiet import silence_flower

FIRST_NODE = 1000
RUN = 1
LOOK_S = 1.0
"""Longest wait between two questions whether to go on."""


class LocalGrid(Grid):
    """Runs one ClientApp for many virtual sites.

    Args:
        app: finds its site in ``context.node_config["site"]``.
        names: the virtual sites.
        workers: threads; by default one a core.
    """

    def __init__(self, app: ClientApp, names: Sequence[str], *, workers: int | None = None) -> None:
        silence_flower()
        keep_freed_memory()
        self._app = app
        self._nodes = {name: FIRST_NODE + index for index, name in enumerate(sorted(names))}
        self._contexts = {
            node: Context(
                run_id=RUN, node_id=node, node_config={"site": name}, state=RecordDict(), run_config={}
            )
            for name, node in self._nodes.items()
        }
        self._workers = workers or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="site")
        self._ids = itertools.count(1)
        self._late: dict[str, float] = {}
        self._pending: dict[str, Future[Message]] = {}
        self._run = Run.create_empty(run_id=RUN)
        # Flower's Message() asks the process who it is.
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = RUN, RUN, RUN

    def sites(self) -> Mapping[str, int]:
        """Return every site; all are always online."""
        return dict(self._nodes)

    def members(self) -> list[str]:
        """Return every site."""
        return list(self._nodes)

    def replies(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Message]:
        """Yield each reply as it comes; for each that is being used one more site computes, so memory stays flat."""
        waiting, end = iter(messages), float("inf") if timeout is None else time.monotonic() + timeout
        running = {self._submit(message) for message in itertools.islice(waiting, self._workers)}
        while running:
            left = end - time.monotonic()
            done, running = wait(running, timeout=max(0.0, min(left, LOOK_S)), return_when=FIRST_COMPLETED)
            if not done and (left <= 0 or not go_on()):
                for future in running:
                    future.add_done_callback(self._note_late)
                return
            while done:
                running |= {self._submit(message) for message in itertools.islice(waiting, 1)}
                yield done.pop().result()

    def late(self) -> Mapping[str, float]:
        """Return the messages that were answered since the last call though nobody waited any more, and when."""
        late, self._late = self._late, {}
        return late

    def close(self) -> None:
        """Stop the threads once their current work is done."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def set_run(self, run: Run) -> None:  # noqa: D102
        self._run = run

    @property
    def run(self) -> Run:  # noqa: D102
        return self._run

    def create_message(  # noqa: D102
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:  # noqa: D102
        return list(self._contexts)

    def get_nodes(self) -> Iterable[NodeInfo]:  # noqa: D102
        return [NodeInfo(node_id=node, name=name) for name, node in self._nodes.items()]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:  # noqa: D102
        sent = list(messages)
        for message in sent:
            future = self._submit(message)
            self._pending[message.metadata.message_id] = future
        return [message.metadata.message_id for message in sent]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:  # noqa: D102
        ready = [one for one in message_ids if one in self._pending and self._pending[one].done()]
        return [self._pending.pop(one).result() for one in ready]

    def send_and_receive(  # noqa: D102
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        return list(self.replies(messages, timeout=timeout))

    def _note_late(self, future: Future[Message]) -> None:
        if not future.cancelled():
            self._late[future.result().metadata.reply_to_message_id] = time.monotonic()

    def _submit(self, message: Message) -> Future[Message]:
        message.metadata.__dict__["_message_id"] = str(next(self._ids))
        return self._pool.submit(self._answer, message)

    def _answer(self, message: Message) -> Message:
        if message.has_content():
            # Sites must not see each other's changes; arrays are immutable bytes and are shared.
            message.content = _own_copy(message.content)
        try:
            return self._app(message=message, context=self._contexts[message.metadata.dst_node_id])
        except Exception as error:  # noqa: BLE001 - as a networked node: the site fails, the run goes on
            reason = type(error).__name__
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)


def _own_copy(content: RecordDict) -> RecordDict:
    copied = content.copy()
    for name, record in content.items():
        copied[name] = record.copy()
    return copied
