"""`python -m fedchemo.simulations.studies.evidence`: run the studies that claims rest on, and keep their figures.

Only aggregated tables are kept (`fedchemo.simulations.studies.tables`): predictions are per patient and stay in the
study folder. What was run before is not run again.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path

import platformdirs
import tomli_w
from rich.console import Console

from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.studies.analysis import analyse
from fedchemo.simulations.studies.run import STUDY, run_study
from fedchemo.simulations.studies.settings import read_study, ready_studies
from fedchemo.simulations.studies.tables import write_tables

EVIDENCE = (
    "ispy2-by-site",
    "ispy2-leave-one-site-out",
    "ispy2-images",
    "ispy2-images-leave-one-site-out",
    "ispy2-privacy",
    "synthetic-images",
)
COST = "cost.toml"


def main() -> int:
    """Return the exit status: 0 if every study is done."""
    parser = argparse.ArgumentParser(
        prog="python -m fedchemo.simulations.studies.evidence", description=__doc__
    )
    parser.add_argument("studies", nargs="*", default=EVIDENCE, help="ready studies; by default all of these")
    parser.add_argument("--data", type=Path, help="I-SPY2; by default ispy2 in FEDCHEMO_REALDATA")
    parser.add_argument("--runs", type=Path, default=Path("runs/evidence"), help="folder of study folders")
    parser.add_argument("--out", type=Path, default=Path("simulations/results"), help="folder of figures")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    wanted = parser.parse_args()
    console = Console(highlight=False)
    try:
        for name in wanted.studies:
            keep(name, wanted.runs / name, wanted.out / name, wanted.data, wanted.workers, console)
    except FedchemoError as error:
        console.print(f"[red]{error}[/]\n{error.entry.remedy}")
        return 1
    return 0


def keep(name: str, folder: Path, out: Path, data: Path | None, workers: int, console: Console) -> None:
    """Run what of a study has not been run, and write its aggregated tables and its cost to ``out``.

    Args:
        name: of a ready study.
        folder: the study folder, which holds predictions of patients.
        out: folder of figures.
        data: folder of I-SPY2, for studies on it.
        workers: runs side by side.
        console: to say what is done.

    Raises:
        FedchemoError: FC002 if there is no such study, and as `run_study`.
    """
    ready = ready_studies()
    if name not in ready:
        raise FedchemoError("FC002", f"{name}: there are {', '.join(ready)}")
    study = read_study(ready[name])
    started, before = time.monotonic(), _cpu_seconds()
    finished = run_study(
        study,
        folder,
        cache=Path(platformdirs.user_cache_dir("fedchemo")) / "images",
        data=(data or _realdata()) if study.data.dataset == "ispy2" else None,
        workers=workers,
        progress=lambda done, total, title: console.print(f"{name}: {done} of {total}: {title}"),
    )
    write_tables(analyse(study, finished.predictions, finished.patients, finished.beside), out)
    write_text(out / STUDY, tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)))
    cost = {
        "runs": finished.done,
        "runs_kept_from_before": finished.kept,
        "workers": workers,
        "cpu_seconds": round(_cpu_seconds() - before, 1),
        "wall_seconds": round(time.monotonic() - started, 1),
    }
    if finished.done:
        write_text(out / COST, tomli_w.dumps(cost))
    console.print(f"{name}: {cost}; figures in {out}")


def _cpu_seconds() -> float:
    """Return user and system seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _realdata() -> Path | None:
    folder = os.environ.get("FEDCHEMO_REALDATA")
    return Path(folder) / "ispy2" if folder else None


if __name__ == "__main__":
    sys.exit(main())
