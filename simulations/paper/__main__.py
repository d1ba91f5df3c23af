"""`python -m fedchemo.simulations.paper`: run the whole table, write it, and print it beside the published one."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper import comparison, table
from fedchemo.simulations.paper.methods import SEEDS
from fedchemo.simulations.paper.reference import find
from fedchemo.simulations.paper.side_by_side import run_side_by_side


def main() -> int:
    """Return the exit status: 0 if every value that was published by seed is met."""
    parser = argparse.ArgumentParser(prog="python -m fedchemo.simulations.paper", description=__doc__)
    parser.add_argument("--reference", type=Path, help="folder of the data and published values")
    parser.add_argument("--out", type=Path, default=Path("simulations/results/fed_heart_disease.csv"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    wanted = parser.parse_args()
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=130)  # a file takes the whole table
    try:
        reference = wanted.reference or find()
        published = table.published(reference / table.PUBLISHED_FILE)
        rows = _run(reference, wanted.workers, console)
        table.write(rows, wanted.out)
        compared = comparison.compare(rows, published)
    except FedchemoError as error:
        console.print(f"[red]{error}[/]\n{error.entry.remedy}")
        return 1
    console.print(comparison.printed(compared))
    console.print(comparison.verdict(compared))
    console.print(f"wrote {wanted.out}")
    return 0 if all(one.holds for one in compared) else 1


def _run(reference: Path, workers: int, console: Console) -> list[table.Row]:
    jobs = list(itertools.product(table.METHODS, SEEDS))
    done = run_side_by_side(reference / "heart_disease", jobs, workers=workers)
    shown = track(done, "training", len(jobs), console=console, disable=not console.is_terminal)
    found = dict(shown)
    return [row for job in jobs for row in found[job]]


if __name__ == "__main__":
    sys.exit(main())
