"""Runs of the table side by side, a process each: they are short, and torch is single-threaded in each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from fedchemo.simulations.paper.cohorts import read_cohorts
from fedchemo.simulations.paper.table import Row, run

Job = tuple[str, int]
"""A method and a seed."""


def run_side_by_side(folder: Path, jobs: Sequence[Job], *, workers: int) -> Iterator[tuple[Job, list[Row]]]:
    """Yield each run's accuracies as it ends.

    Args:
        folder: of the hospitals' files.
        jobs: what to run.
        workers: processes.

    Raises:
        FedchemoError: FC004 if a file cannot be read.
    """
    read_cohorts(folder)  # what is wrong with the files is told once, and before anything is started
    os.environ["OMP_NUM_THREADS"] = "1"
    # Fresh interpreters, since torch does not like to be forked.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_run, folder, *job): job for job in jobs}
        try:
            for one in as_completed(running):
                yield running[one], one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(folder: Path, method: str, seed: int) -> list[Row]:
    return run(read_cohorts(folder), method, seed)
