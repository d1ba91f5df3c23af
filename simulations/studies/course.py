"""How the runs of a study went: convergence, what left each hospital, computing time; kept when a run's folder goes.

Aggregates alone: losses of a hospital's validation patients as its policy let them out, numbers of answers and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedchemo.server.account import read_account

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
ABOUT = ["variant", "partition", "privacy", "method"]
EVERYWHERE = "all of them"
"""In the place of a hospital: the validation patients of all."""


def rounds(run: Path) -> Rows:
    """Return the validation log-loss of each round of a run, over all hospitals and at each.

    Raises:
        FedchemoError: as `read_account`.
    """
    return [
        {"round": scored.round, "site": site, "patients": scored.patients, "log_loss": loss}
        for scored in read_account(run).rounds
        if scored.log_loss is not None
        for site, loss in {EVERYWHERE: scored.log_loss, **scored.by_site}.items()
    ]


def left(run: Path) -> Rows:
    """Return what left each hospital in a run, by kind of exchange; bytes are of contents.

    Raises:
        FedchemoError: as `read_account`.
    """
    return [
        {"site": each.site, "kind": each.kind, "answers": each.answers, "bytes": each.size}
        for each in read_account(run).passages
    ]


def convergence(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row a condition, method, round and hospital: the mean over folds and seeds, the lowest and the highest.

    Args:
        found: rows of `rounds` with the run's place in the grid. A method that trains a model in each hospital has
            several runs in one place; their patients are all who count.
    """
    if found.empty:
        return found
    weighed = found.assign(loss_sum=found["log_loss"] * found["patients"])
    trainings = weighed.groupby([*ABOUT, "site", "round", "fold", "seed"], sort=False)[
        ["loss_sum", "patients"]
    ].sum()
    trainings["log_loss"] = trainings["loss_sum"] / trainings["patients"]
    by_round = trainings.groupby([*ABOUT, "site", "round"], sort=False).agg(
        trainings=("log_loss", "size"),
        patients=("patients", "mean"),
        log_loss=("log_loss", "mean"),
        lowest=("log_loss", "min"),
        highest=("log_loss", "max"),
    )
    return by_round.reset_index()


def passages(found: pd.DataFrame) -> pd.DataFrame:
    """Return what left each hospital by condition, method and kind of exchange, in the mean of a run.

    Args:
        found: rows of `left` with the run's place in the grid.
    """
    if found.empty:
        return found
    # A hospital that is left out answers nothing in that run, which then does not count for it.
    grouped = found.groupby([*ABOUT, "site", "kind"], sort=False)
    return grouped.agg(
        runs=("answers", "size"), answers=("answers", "mean"), bytes=("bytes", "mean")
    ).reset_index()


def cost(found: pd.DataFrame) -> pd.DataFrame:
    """Return the processor seconds of a method's runs by condition.

    Args:
        found: a row a run, with ``cpu_seconds``; ``local`` counts its hospitals' runs together.
    """
    if found.empty:
        return found
    grouped = found.groupby(ABOUT, sort=False)["cpu_seconds"]
    return grouped.agg(runs="size", cpu_seconds="sum", cpu_seconds_a_run="mean").reset_index()


def tables(beside: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of what runs left beside their predictions; empty ones where nothing was kept."""
    return {
        "convergence": convergence(beside["rounds"]),
        "left": passages(beside["left"]),
        "cost": cost(beside["cost"]),
    }
