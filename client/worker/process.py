"""The worker process, as its owner sees it: started, asked, watched, ended, and replaced when it dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from fedchemo.client.site import Notice
from fedchemo.client.worker.deaths import Deaths
from fedchemo.client.worker.frames import Order, Question, Said, receive, send
from fedchemo.client.worker.serving import STOPPED, Setup, serve
from fedchemo.client.worker.vectors import SharedVectors, Weights
from fedchemo.client.worker.watch import Watch
from fedchemo.shared.errors import FedchemoError

TICK_S = 0.5
"""How often to look whether the client is to stop or to pause, and whether the process is silent for too long."""
START_S = 300.0
"""How long a process may take at least until it is ready: torch comes from a slow disk."""
GRACE_S = 5.0
"""How long a process that is told to stop may take to leave nothing half-written."""
PRELOADED = ["fedchemo.client.worker.serving", "fedchemo.client.participant"]
"""Imported once, by a server that forks every worker process: torch takes seconds, a fork takes milliseconds."""


class UnforeseenError(Exception):
    """The worker met what no rule foresees, and goes on."""


class WorkerProcess:
    """Answers questions in another process; one question at a time, from one thread.

    Args:
        setup: what the process is given.
        notice: told what the worker tells, and ``worker_ready`` (device, reason), ``worker_ended`` (code, what),
            ``paused`` and ``resumed``.
        hang_s: seconds without progress after which it is ended; 0 is never.
        stopping: whether the client is to stop.
        paused: whether the client is to pause.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        notice: Notice,
        hang_s: float,
        stopping: Callable[[], bool] = lambda: False,
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._setup, self._notice = setup, notice
        self._stopping, self._paused = stopping, paused
        self._watch, self._deaths = Watch(hang_s), Deaths()
        self._vectors = SharedVectors()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._ready = False

    @property
    def pid(self) -> int | None:
        """The process's number, while there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process, without waiting until it is ready."""
        # A fork of this process would inherit its keys and connections, and its threads' locks as they are.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._vectors), daemon=True)
        process.start()
        theirs.close()
        self._process, self._connection, self._ready = process, ours, False
        self._watch.begin()

    def ready(self) -> None:
        """Return when the process can be asked, and say which device it has chosen.

        Raises:
            FedchemoError: FC310 if the device does not work; FC615, FC630 to FC633.
        """
        if self._process is None:
            self._hold(self._deaths.wait_s())
            self.start()
        if not self._ready:
            with self._whole():
                self._hand_over()
                said = self._next()
                if said.refused is not None:
                    self._end()
                    raise FedchemoError(*said.refused)
                device, reason = said.ready or ("?", "?")
                self._ready = True
            self._notice("worker_ready", {"device": device, "reason": reason})

    def ask(
        self, question: Question, vectors: Sequence[Weights] = (), *, approve: Callable[[], None]
    ) -> tuple[str, Weights | None]:
        """Return the answer to a question as JSON text, and the weights that came with it.

        Args:
            question: what to answer.
            vectors: float32; what the question is about.
            approve: called, in this thread, when the worker asks whether it may go on.

        Raises:
            FedchemoError: what the worker refuses with, and FC615, FC630 to FC633.
            UnforeseenError: what the worker did not foresee.
        """
        self.ready()
        with self._whole():
            lengths = self._vectors.put(vectors)
            self._send(Order(question=question.model_copy(update={"vectors": lengths})))
            said = self._ended(approve)
        self._deaths.forget()
        if said.refused is not None:
            raise FedchemoError(*said.refused)
        if said.unforeseen is not None:
            raise UnforeseenError(said.unforeseen)
        assert said.reply is not None
        return said.reply, None if said.vector is None else self._vectors.copy(said.vector)

    def close(self) -> None:
        """End the process and give back its memory."""
        self._end()
        self._vectors.close()

    def _ended(self, approve: Callable[[], None]) -> Said:
        """Return how the worker ends the request in hand; meanwhile pass on what it tells and asks."""
        self._watch.begin()
        while not (said := self._next()).ends:
            if said.event is not None:
                self._notice(*said.event)
            if said.approve:
                try:
                    approve()
                    self._send(Order(approved=True))
                except FedchemoError as error:
                    self._send(Order(refused=(error.code, error.what[:20_000])))
                self._watch.begin()
        return said

    def _next(self) -> Said:
        """Return the next thing that the worker says.

        Raises:
            FedchemoError: FC615 if the client is to stop, FC630 or FC632 if the process died, FC631 if it hangs.
        """
        assert self._process is not None
        assert self._connection is not None
        give_up = float("inf")
        while True:
            if give_up == float("inf") and self._stopping():
                give_up = time.monotonic() + (GRACE_S if self._ready else 0.0)
                self._send(Order(stop=True))
            if self._paused() and not self._stopping():
                self._pause()
            found = wait([self._connection, self._process.sentinel], timeout=TICK_S)
            if self._connection in found:
                with contextlib.suppress(EOFError, OSError):
                    return self._heard(self._connection)
            if found:
                raise self._death()
            if time.monotonic() > give_up:
                raise FedchemoError("FC615", STOPPED)
            if self._watch.tick() and (self._ready or self._watch.silent_s > START_S):
                error = FedchemoError(
                    "FC631",
                    f"the worker process made no progress for {self._watch.silent_s:.0f} s and was ended",
                )
                self._fell(error)
                raise error

    def _heard(self, connection: Connection) -> Said:
        try:
            said = receive(connection, Said)
        except FedchemoError as error:
            self._fell(error)
            raise
        self._watch.progress()
        return said

    def _send(self, order: Order) -> None:
        """Send an order; a process that is gone is found by `_next`."""
        assert self._connection is not None
        with contextlib.suppress(OSError):
            send(self._connection, order)

    def _hand_over(self) -> None:
        """Send the setup, the one thing that is no typed text: the worker trusts its client, not the reverse."""
        assert self._connection is not None
        with contextlib.suppress(OSError):
            self._connection.send(self._setup)

    def _pause(self) -> None:
        """Halt the process until the client may go on; a process that dies meanwhile is found afterwards."""
        assert self._process is not None
        self._signal(signal.SIGSTOP)
        self._notice("paused", {})
        while self._paused() and not self._stopping() and not wait([self._process.sentinel], timeout=TICK_S):
            pass
        self._signal(signal.SIGCONT)
        self._notice("resumed", {})
        self._watch.begin()

    def _hold(self, seconds: float) -> None:
        """Wait, but no longer than until the client is to stop.

        Raises:
            FedchemoError: FC615.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping():
                raise FedchemoError("FC615", STOPPED)
            time.sleep(min(left, TICK_S))

    def _death(self) -> FedchemoError:
        """Return why the process has ended by itself."""
        assert self._process is not None
        self._process.join(GRACE_S)
        error = self._deaths.explain(self._process.exitcode)
        self._fell(error)
        return error

    def _fell(self, error: FedchemoError) -> None:
        """Make room for the next process, and count that this one fell."""
        self._end()
        self._deaths.note()
        self._notice("worker_ended", {"code": error.code, "what": error.what})

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """End the process if an exchange with it breaks off: nobody knows what it would answer next."""
        try:
            yield
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
