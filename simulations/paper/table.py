"""Every accuracy of the table, its file, and the comparison with what was published."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort import Cohort
from fedchemo.server.strategies import method as strategy
from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper.batches import in_epochs, scheduled
from fedchemo.simulations.paper.cohorts import HOSPITALS, POOLED
from fedchemo.simulations.paper.federation import accuracies, train
from fedchemo.simulations.paper.methods import (
    BATCH,
    EPOCHS,
    FEDERATED,
    ROUNDS,
    STEPS,
    alone,
    federated,
)

TEST_SETS = {**{f"client_test_{index}": name for index, name in enumerate(HOSPITALS)}, "Pooled Test": POOLED}
"""The published name of a test set -> the cohort that it belongs to."""
LOCAL = {f"local{index}": name for index, name in enumerate(HOSPITALS)}
METHODS = (*FEDERATED, "pooled", *LOCAL)
PUBLISHED_FILE = "fed_heart_disease_published.json"
PUBLISHED = {
    "Pooled Training": "pooled",
    "FedAvg100": "fedavg",
    "FedProx100": "fedprox",
    "FedYogi100": "fedyogi",
}
"""The published names of the methods whose values by seed are at hand -> ours."""


@dataclass(frozen=True)
class Row:
    """One accuracy of the table."""

    method: str
    seed: int
    test_set: str
    accuracy: float


def run(cohorts: Mapping[str, Cohort], method: str, seed: int) -> list[Row]:
    """Train by one method with one seed, and return its accuracy on each test set."""
    if method in FEDERATED:
        configuration = federated(method, seed)
        members = [cohorts[name] for name in HOSPITALS]
        sizes = {cohort.site: len(cohort.patients("train")) for cohort in members}
        order = scheduled(sizes, seed=seed, rounds=ROUNDS, steps=STEPS, batch_size=BATCH)
    else:
        members = [cohorts[LOCAL.get(method, POOLED)]]
        configuration = alone(method, seed)
        [(name, size)] = [(cohort.site, len(cohort.patients("train"))) for cohort in members]
        order = in_epochs(name, size, seed=seed, epochs=EPOCHS, batch_size=BATCH)
    ruling = strategy(configuration.strategy)
    with tempfile.TemporaryDirectory(prefix="fedchemo-paper-") as state:
        weights = train(members, configuration, ruling, order, state=Path(state))
    found = accuracies(cohorts, configuration, weights)
    return [Row(method, seed, test_set, found[name]) for test_set, name in TEST_SETS.items()]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write ``method,seed,test_set,accuracy``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "seed", "test_set", "accuracy"))
    writer.writerows((row.method, row.seed, row.test_set, repr(row.accuracy)) for row in rows)
    write_text(path, text.getvalue())


def published(path: Path) -> dict[tuple[str, int, str], float]:
    """Return the published accuracies by method, seed and test set, with our names of the methods.

    Raises:
        FedchemoError: FC004 if the file cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FedchemoError("FC004", f"{path}: {error.strerror}") from error
    return {
        (PUBLISHED[method], int(seed), test_set): float(accuracy)
        for method, by_set in content.items()
        for test_set, by_seed in by_set.items()
        for seed, accuracy in by_seed.items()
    }
