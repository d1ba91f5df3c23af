"""Examinations side by side, a process each: memory does not grow with the cohort, and a crash stays one case.

Decoders of medical images are C libraries that print what they like and may die. Processes keep both away: what
they print, which may be a name from a header, goes nowhere, and an examination that kills its process is set aside
alone. The pool of the standard library does not tell which task killed a process, so each process here has a pipe of
its own.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

PRELOADED = ["fedchemo.client.importing.site.examination"]
_GRACE_S = 5.0


class Died(Exception):  # noqa: N818 - it is what happened
    """The process that worked on this task died: out of memory, or a fault in a decoder."""


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    pipe: Connection


class Workers(Generic[Task, Result]):
    """Runs one function over tasks in processes.

    Args:
        work: a function of a module; it and what it takes, returns and raises travel between processes.
        count: processes; 0 works in this one, which tests and small cohorts do.
    """

    def __init__(self, work: Callable[[Task], Result], *, count: int) -> None:
        self._work = work
        self._count = count

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | Died]]:
        """Yield each task with its result as they come, in no particular order.

        Whoever stops looking ends the processes: what is under way is thrown away.

        Raises:
            Exception: what the function raised; the tasks that are left are not begun then.
        """
        waiting = iter(tasks)
        if self._count == 0:
            for task in waiting:
                yield task, self._work(task)
            return
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        idle: list[_Worker] = []
        try:
            while True:
                while len(busy) < self._count:
                    try:
                        task = next(waiting)
                    except StopIteration:
                        break
                    worker = idle.pop() if idle else self._start()
                    busy[worker.pipe] = (worker, task)
                    # A process that died already is found when its answer is waited for.
                    with contextlib.suppress(OSError):
                        worker.pipe.send(task)
                if not busy:
                    break
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    worker, task = busy.pop(pipe)
                    try:
                        done, answer = pipe.recv()
                    except (EOFError, OSError):
                        _end(worker)
                        yield task, Died()
                        continue
                    idle.append(worker)
                    if not done:
                        raise answer
                    yield task, answer
        finally:
            for worker, _ in busy.values():
                worker.process.kill()
            for worker in (*idle, *(worker for worker, _ in busy.values())):
                _end(worker)

    def _start(self) -> _Worker:
        # Not fork: this process has threads (the progress bar's, and those of libraries).
        context: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
        if hasattr(os, "fork"):
            context.set_forkserver_preload(PRELOADED)
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        process.start()
        # With only one end open, a process that dies closes the pipe.
        theirs.close()
        return _Worker(process, ours)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join(_GRACE_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """Work until nobody asks any more: silent, deaf to Ctrl-C (the parent ends it), not outliving the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    hush()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, work(task))
        except Exception as error:  # noqa: BLE001 - it is raised where the results are looked at
            answer = (False, error)
        pipe.send(answer)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def hush() -> None:
    """Keep libraries from printing what they find in a file: it may be a name."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
