"""Headers of many files: by one process for a few, by several for many."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from fedchemo.client.importing.dicom.header import Fault, Header
from fedchemo.client.importing.dicom.parsing import read_headers
from fedchemo.client.importing.dicom.walk import Place

# A process takes half a second to start, in which one reads a thousand headers.
_ALONE = 4000
_BATCH = 200
# More would wait for the disk or the share.
_MOST = 8


@dataclass(frozen=True)
class Batch:
    """What some files hold; a directory of media holds nothing."""

    files: int
    read: list[Header | Fault]


def sweep(places: Iterable[Place], total: int) -> Iterator[Batch]:
    """Yield what the files hold, a batch at a time, in the order of the files.

    Args:
        places: the files.
        total: how many there are, roughly; it decides how many processes read.
    """
    left = iter(places)
    batches = iter(lambda: list(itertools.islice(left, _BATCH)), [])
    workers = min(_MOST, os.cpu_count() or 1)
    # Workers of an import are not allowed to have workers.
    if total < _ALONE or workers == 1 or multiprocessing.current_process().daemon:
        for batch in batches:
            yield Batch(len(batch), read_headers(batch))
        return
    # A forked process would inherit the locks of this one's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts) as pool:
        running: list[tuple[list[Place], Future[list[Header | Fault]] | None]] = []
        for batch in batches:
            running.append((batch, _submitted(pool, batch)))
            # A bounded queue, so that memory does not grow with the number of files.
            if len(running) >= 3 * workers:
                yield _read(*running.pop(0))
        for batch, future in running:
            yield _read(batch, future)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one, which stops it without a traceback of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _submitted(pool: ProcessPoolExecutor, batch: list[Place]) -> Future[list[Header | Fault]] | None:
    try:
        return pool.submit(read_headers, batch)
    except BrokenProcessPool:
        return None


def _read(batch: list[Place], future: Future[list[Header | Fault]] | None) -> Batch:
    """Return a batch's headers, read here if the processes were killed or could not start."""
    try:
        return Batch(len(batch), read_headers(batch) if future is None else future.result())
    except BrokenProcessPool:
        return Batch(len(batch), read_headers(batch))
