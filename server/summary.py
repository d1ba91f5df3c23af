"""What a run ends with: how well the model and the clinical baseline predict at each site and over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.loss import log_loss
from fedchemo.shared.metrics.scores import Labels, Vector
from fedchemo.shared.metrics.summary import MINIMUM_PER_CLASS, ScoreSums, merge

if TYPE_CHECKING:
    from rich.table import Table

POOLED = "all sites"


@dataclass(frozen=True)
class Figures:
    """AUC and log-loss with their 95 % intervals; None where the patients cannot tell."""

    patients: int
    positives: int
    auc: Interval | None
    log_loss: Interval | None


Rows = dict[str, Figures]
"""Site (and ``all sites``) -> figures."""


def from_sums(sites: Mapping[str, ScoreSums]) -> Rows:
    """Return the figures from sites' histograms and sums: what a networked run knows."""
    pooled = merge(sites[site] for site in sorted(sites))
    everything = dict(sorted(sites.items())) | ({POOLED: pooled} if pooled else {})
    return {
        name: Figures(sums.n, sums.n_pos, sums.auc(), sums.log_loss()) for name, sums in everything.items()
    }


def from_predictions(sites: Mapping[str, tuple[Vector, Labels]]) -> Rows:
    """Return the exact figures from probabilities and labels: what a simulation knows.

    Sites with fewer than five patients of a class count in the pooled row only.
    """
    import numpy as np

    rows: Rows = {}
    for site, (probabilities, labels) in sorted(sites.items()):
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) >= MINIMUM_PER_CLASS:
            rows[site] = _exact(probabilities, labels)
    if any(len(labels) for _, labels in sites.values()):
        ordered = [sites[site] for site in sorted(sites)]
        rows[POOLED] = _exact(
            np.concatenate([p for p, _ in ordered]), np.concatenate([y for _, y in ordered])
        )
    return rows


def _exact(probabilities: Vector, labels: Labels) -> Figures:
    return Figures(
        len(labels), int(labels.sum()), auc(probabilities, labels), log_loss(probabilities, labels)
    )


def to_json(models: Mapping[str, Rows], **details: object) -> dict[str, Any]:
    """Return the summary as plain values; ``models`` are named, such as ``model`` and ``baseline``."""
    return {
        **details,
        "test": {
            name: {site: asdict(figures) for site, figures in rows.items()} for name, rows in models.items()
        },
    }


def table(models: Mapping[str, Rows], *, title: str, note: str = "") -> Table:
    """Return the summary for a terminal, with a note below it."""
    from rich.table import Table

    shown = Table(
        title=title,
        title_justify="left",
        caption=f"test patients, 95 % intervals{note}",
        caption_justify="left",
    )
    shown.add_column("site")
    shown.add_column("n (pCR)", justify="right")
    shown.add_column("")
    shown.add_column("AUC", justify="right")
    shown.add_column("log-loss", justify="right")
    sites = sorted(
        {site for rows in models.values() for site in rows}, key=lambda name: (name == POOLED, name)
    )
    for site in sites:
        known = {name: rows[site] for name, rows in models.items() if site in rows}
        for index, (name, figures) in enumerate(known.items()):
            shown.add_row(
                "" if index else site,
                "" if index else f"{figures.patients} ({figures.positives})",
                name,
                _cell(figures.auc),
                _cell(figures.log_loss),
                style="bold" if site == POOLED else None,
                end_section=index == len(known) - 1,
            )
    return shown


def _cell(interval: Interval | None) -> str:
    return f"{interval.value:.3f} [{interval.low:.2f}, {interval.high:.2f}]" if interval else "too few"
