"""The coordinator of a federation: one process, one port, the Fleet API and nothing else."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from flwr.common.constant import NOOP_FLWR_AID, SUPERLINK_NODE_ID, SubStatus
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.fleet.certificate import server_context
from fedchemo.server.fleet.connection import buffer_bytes
from fedchemo.server.fleet.front import FleetFront, Limits, Tell
from fedchemo.server.fleet.grid import FleetGrid
from fedchemo.server.fleet.link import LOST_AFTER_S, Link
from fedchemo.server.fleet.listener import listening, listening_address
from fedchemo.server.fleet.turns import Turns
from fedchemo.server.fleet.watch import FolderWatch, current
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.memory import keep_freed_memory

# Each site keeps two connections, one for work and one for signs of life.
CONNECTIONS_A_SITE, SPARE_CONNECTIONS = 4, 64


class Coordinator:
    """Serves a federation while its context lasts.

    Args:
        folder: the federation's folder, made by ``fedchemo provision``.
        host: address to listen on; None for the loopback if the federation has no other host, else all.
        port: TCP port; None for the federation's.
        limits: what a site may cost.
        lost_after_s: seconds of silence after which a site counts as lost.
        tell: called with ``site_online`` (``site``) and ``site_refused`` (``peer``, ``status``, ``code``), and as
            `FolderWatch` says, in another thread.

    Raises:
        FedchemoError: FC503 or FC506 if the folder is no federation's; on entering, FC504 if the server's
            certificate cannot be used and FC602 if the port cannot be opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str | None = None,
        port: int | None = None,
        limits: Limits | None = None,
        lost_after_s: float = LOST_AFTER_S,
        tell: Tell = lambda _kind, _details: None,
    ) -> None:
        self._folder = FederationFolder(folder)
        self.settings = self._folder.read_settings()
        self.roster = current(self._folder.read_roster(), datetime.datetime.now(datetime.UTC))
        self.host = host or listening_address(self.settings.hosts)
        self.port = port or self.settings.port
        self._limits, self._tell = limits or Limits(), tell
        turns = Turns(self._limits.replies, turn_s=self._limits.body_s)
        self._link = Link(self.roster, lost_after_s=lost_after_s, turns=turns)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        keep_freed_memory()
        context = server_context(self._folder, now=datetime.datetime.now(datetime.UTC))
        connections = CONNECTIONS_A_SITE * len(self.roster) + SPARE_CONNECTIONS
        buffer = buffer_bytes(len(self.roster))
        front = FleetFront(self._link, limits=self._limits, tell=self._tell, piece=buffer)
        self._open.enter_context(
            listening(front, context, host=self.host, port=self.port, connections=connections, buffer=buffer)
        )
        self._open.callback(front.close)
        self._open.enter_context(FolderWatch(self._folder, self._link, context, self._tell).watching())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``."""
        return f"{self.host}:{self.port}"

    def sites(self) -> dict[str, int]:
        """Return the sites online: name -> flwr node id."""
        return self._link.online()

    @contextlib.contextmanager
    def grid(self) -> Iterator[FleetGrid]:
        """Open a run and yield the Grid to its sites; messages of an earlier run are void."""
        state = self._link.state
        run_id = state.create_run(
            "", "", "", {}, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP
        )
        run = state.get_run_info(run_ids=[run_id])[0]
        task = run.primary_task_id
        assert task is not None
        state.claim_task(task)
        state.activate_task(task)
        # flwr's Message and strategies read from here which run they write for.
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = task, run_id, SUPERLINK_NODE_ID
        outcome = SubStatus.FAILED
        try:
            yield FleetGrid(self._link, state.get_run_info(run_ids=[run_id])[0])
            outcome = SubStatus.COMPLETED
        finally:
            state.finish_task(task, outcome, "")
            state.cleanup_run(run_id)
