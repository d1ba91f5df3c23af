"""Shortcut probes of a study's models in words: each model has an embedding of its own, so each is probed alone."""

from __future__ import annotations

import pandas as pd

from fedchemo.simulations.probes.beside import EMBEDDING


def probes_in_words(probes: pd.DataFrame | None) -> list[str]:
    """Return a sentence a partition, variant, method and target, over folds and seeds.

    Args:
        probes: a row a probe, as `fedchemo.simulations.studies.run.run_study` gathers them.
    """
    if probes is None or probes.empty:
        return []
    told = []
    asked = probes[probes["source"] == EMBEDDING]
    for (where, variant, method, target), rows in asked.groupby(
        ["partition", "variant", "method", "target"], sort=False
    ):
        value, closed = rows["balanced_accuracy"], int((rows["gate"] == 0).sum())
        told.append(
            f"{where}, {variant}: the image embedding of {method} tells {target}s apart in {int(rows['found'].sum())} "
            f"of {len(rows)} models: balanced accuracy {value.mean():.2f} ({value.min():.2f} to {value.max():.2f}), "
            f"chance {rows['chance'].mean():.2f}, shuffled labels at most {rows['shuffled_most'].max():.2f}"
            + (f"; {closed} models look at no image" if closed else "")
        )
    return told
