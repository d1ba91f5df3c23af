"""Runs a study: its jobs side by side, each a process with one torch thread; what is done already is not done again."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from fedchemo.server.tracking.tracked import NOWHERE, Tracking
from fedchemo.shared.atomic import replacing, write_text
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.studies.job import BESIDE, PRIVATE, beside_file, cohort_of, run_job
from fedchemo.simulations.studies.plan import Job, fingerprint, jobs, layouts, needed
from fedchemo.simulations.studies.settings import Study

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, str], None]
"""Told how many runs are done, of how many, and which was the last."""
STUDY, PREDICTIONS = "study.toml", "predictions.parquet"


@dataclass(frozen=True)
class Finished:
    """What a study leaves.

    Attributes:
        folder: holds ``study.toml``, ``predictions.parquet`` and a result a run in ``runs/``.
        predictions: one row a test patient and run; see `fedchemo.simulations.studies.job.COLUMNS`.
        patients: clinical frame of the data set, with ``site``, ``vendor`` and ``imaged``, for subgroups.
        beside: what runs left beside their predictions, a frame a kind of `fedchemo.simulations.studies.job.BESIDE`.
        done: runs done now.
        kept: runs that were done before.
    """

    folder: Path
    predictions: pd.DataFrame
    patients: pd.DataFrame
    beside: Mapping[str, pd.DataFrame]
    done: int
    kept: int


def run_study(
    study: Study,
    folder: Path,
    *,
    cache: Path,
    data: Path | None = None,
    workers: int | None = None,
    tracking: Tracking = NOWHERE,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Finished:
    """Run what of a study has not been run, and gather its predictions.

    A study that was stopped goes on where it was: a run's result is known by a hash of all that it depends on, so
    a study that was changed keeps the runs that the change does not concern.

    Args:
        study: the study.
        folder: to write; made with mode 0700, for predictions are per patient.
        cache: folder of prepared images.
        data: folder of the I-SPY2 tables and images.
        workers: runs side by side; by default as many as there are cores.
        tracking: where the runs that are done now are logged as well.
        progress: told after every run.
        note: told what the reader of the data should know.

    Raises:
        FedchemoError: FC001 if ``data`` is missing or superfluous, FC003 if the folder holds something else, FC004,
            FC7xx; FC770 if runs failed, after the others are done.
    """
    import pandas as pd

    # Before anything is laid out: to find that nothing can be logged after an hour would be late.
    tracking.check()

    from fedchemo.simulations import sites as virtual

    results, scratch = _folders(folder)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        with virtual.dataset(
            study.data.dataset,
            data=data,
            patients=study.data.patients,
            sites=None if study.data.dataset == "ispy2" else str(study.data.sites),
            seed=study.data.seed,
            scratch=scratch,
        ) as dataset:
            if note:
                for line in dataset.notes:
                    note(line)
            used = needed(study, dataset, scratch)
            planned = jobs(study, layouts(study, used, scratch / "sites"), data=fingerprint(used))
            write_text(folder / STUDY, tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)))
            waiting = [job for job in planned if not _result(results, job).exists()]
            kept = len(planned) - len(waiting)
            _run(waiting, results, scratch, cache, workers, progress, kept=kept, tracking=tracking)
            patients = dataset.clinical.assign(imaged=dataset.clinical.index.isin(list(used.images)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not (folder / STUDY).exists():
            _remove_if_empty(results, folder)
    found = [frame for job in planned if len(frame := pd.read_parquet(_result(results, job)))]
    if not found:
        raise FedchemoError("FC770", "no run left a test patient")
    predictions = pd.concat(found, ignore_index=True)
    with replacing(folder / PREDICTIONS, mode=PRIVATE) as part:
        predictions.to_parquet(part, index=False)
    told = [json.loads(file.read_text()) for job in planned if (file := beside_file(results, job)).exists()]
    beside = {kind: pd.DataFrame([row for each in told for row in each[kind]]) for kind in BESIDE}
    return Finished(folder, predictions, patients, beside, len(waiting), kept)


def _run(
    waiting: Sequence[Job],
    results: Path,
    scratch: Path,
    cache: Path,
    workers: int | None,
    progress: Progress | None,
    *,
    kept: int,
    tracking: Tracking = NOWHERE,
) -> None:
    """Run jobs side by side; a failure does not stop the others."""
    total, failed = kept + len(waiting), []
    most = min(workers or os.cpu_count() or 1, len(waiting))
    for count, (job, result) in enumerate(
        _results(waiting, results, scratch, cache, most, tracking), start=1
    ):
        try:
            result()
        except FedchemoError as error:
            failed.append(f"{job.title}: {error}")
        except BrokenProcessPool:
            # The pool is gone, and with it every run that waits.
            raise FedchemoError(
                "FC770",
                f"a process died, often for want of memory; {kept + count - 1} of {total} runs are done",
            ) from None
        if progress:
            progress(kept + count, total, job.title)
    if failed:
        raise FedchemoError("FC770", f"{len(failed)} of {total} runs failed; the first is {failed[0]}")


def _results(
    waiting: Sequence[Job], results: Path, scratch: Path, cache: Path, workers: int, tracking: Tracking
) -> Iterator[tuple[Job, Callable[[], str]]]:
    """Yield each job as it is done, with what returns its digest or raises its error."""
    if workers <= 1:
        # A study before this one, in this very process, may have had other patients in folders of the same names.
        cohort_of.cache_clear()
        for job in waiting:
            yield job, partial(run_job, job, results, scratch, cache, tracking)
        return
    # A forked child of a process that has used torch may hang in its first operation.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_as_worker)
    try:
        running = {pool.submit(run_job, job, results, scratch, cache, tracking): job for job in waiting}
        for future in as_completed(running):
            yield running[future], future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _as_worker() -> None:
    """Keep a process that is one of several to one core, and its log lines to itself."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches the whole group; the parent alone decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """End this worker as soon as the process that it works for is gone: killed, it could not tell anybody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _folders(folder: Path) -> tuple[Path, Path]:
    """Return the folders of results and of what is needed meanwhile."""
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / "runs").is_dir():
            raise FedchemoError("FC003", f"{folder} holds files but no study")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "runs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FedchemoError("FC004", f"{folder}: {error.strerror or error}") from error
    return folder / "runs", folder / ".scratch"


def _remove_if_empty(*folders: Path) -> None:
    """Undo the folders of a study that could not begin."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _result(results: Path, job: Job) -> Path:
    return results / f"{job.digest}.parquet"
