"""Our accuracies beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from fedchemo.simulations.paper.cohorts import POOLED
from fedchemo.simulations.paper.table import TEST_SETS, Row

# Patients of each test set: an accuracy is a multiple of one over them.
CASES = {
    "client_test_0": 104,
    "client_test_1": 89,
    "client_test_2": 16,
    "client_test_3": 45,
    "Pooled Test": 254,
}
MEANS = {
    "pooled": 0.795,
    "local0": 0.784,
    "local1": 0.727,
    "local2": 0.483,
    "local3": 0.611,
    "fedavg": 0.748,
    "fedprox": 0.748,
    "scaffold": 0.748,
    "fedadam": 0.779,
    "fedyogi": 0.779,
    "fedadagrad": 0.779,
}
"""Published mean over the seeds on the pooled test set, to three digits."""


@dataclass(frozen=True)
class Compared:
    """One method on one test set.

    Attributes:
        method: the method.
        test_set: the published name of the test set.
        ours: accuracy by seed.
        published: the same, as far as it is published by seed.
        mean: published mean over the seeds, to three digits, if there is one.
    """

    method: str
    test_set: str
    ours: Mapping[int, float]
    published: Mapping[int, float]
    mean: float | None

    @property
    def cases(self) -> int | None:
        """Test cases by which the seed that differs most differs; None where no seed is published."""
        count = CASES[self.test_set]
        apart = [abs(round((self.ours[seed] - value) * count)) for seed, value in self.published.items()]
        return max(apart) if apart else None

    @property
    def our_mean(self) -> float:
        """Our mean over the seeds."""
        return sum(self.ours.values()) / len(self.ours)

    @property
    def holds(self) -> bool:
        """Whether what is published is met: by seed, within one test case for pooled training; else the mean."""
        allowed = 1 if self.method == POOLED else 0
        if self.cases is not None:
            return self.cases <= allowed
        return self.mean is None or abs(self.our_mean - self.mean) < 0.0005 + 1e-9


def compare(rows: Sequence[Row], published: Mapping[tuple[str, int, str], float]) -> list[Compared]:
    """Return every method on every test set, in the order of the rows."""
    ours: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        ours.setdefault((row.method, row.test_set), {})[row.seed] = row.accuracy
    return [
        Compared(
            method,
            test_set,
            by_seed,
            {
                seed: published[method, seed, test_set]
                for seed in by_seed
                if (method, seed, test_set) in published
            },
            MEANS.get(method) if test_set == "Pooled Test" else None,
        )
        for (method, test_set), by_seed in ours.items()
    ]


def printed(compared: Sequence[Compared]) -> Table:
    """Return the comparison as a table; a value that differs from the published one stands before it."""
    seeds = sorted({seed for one in compared for seed in one.ours})
    shown = Table("method", "test set", *map(str, seeds), "mean", "published", "largest difference")
    for one in compared:
        shown.add_row(
            one.method,
            one.test_set,
            *(_cell(one.ours[seed], one.published.get(seed)) for seed in seeds),
            f"{one.our_mean:.3f}",
            _published_mean(one),
            "-" if one.cases is None else f"{one.cases} of {CASES[one.test_set]} cases" if one.cases else "0",
            end_section=one.test_set == list(TEST_SETS)[-1],
        )
    return shown


def verdict(compared: Sequence[Compared]) -> str:
    """Return in one sentence how many of the published values are met."""
    values = sum(len(one.published) for one in compared)
    equal = sum(
        abs(one.ours[seed] - value) < 1e-9 for one in compared for seed, value in one.published.items()
    )
    means = [one for one in compared if one.mean is not None]
    met = sum(abs(one.our_mean - one.mean) < 0.0005 + 1e-9 for one in means if one.mean is not None)
    return (
        f"{equal} of {values} values published by seed are equal; {met} of {len(means)} published means agree to "
        "three digits"
    )


def _cell(ours: float, published: float | None) -> str:
    if published is None or abs(ours - published) < 1e-9:
        return f"{ours:.4f}"
    return f"{ours:.4f} ({published:.4f})"


def _published_mean(one: Compared) -> str:
    if one.published:
        return f"{sum(one.published.values()) / len(one.published):.3f}"
    return "" if one.mean is None else f"{one.mean:.3f}"
