"""Measurements, what they are held to, and how they are shown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.shared.atomic import write_text

if TYPE_CHECKING:
    from rich.table import Table

SIZES = ("tiny", "3.5 MB", "100 MB")
CORE_SECONDS = "s of a core"
"""The unit of the steps of a round; see `fedchemo.simulations.benchmarks.account`."""
ALL_CORES = "s of all cores"
"""The unit of what a round takes of the coordinator's and the sites' processors together."""


@dataclass(frozen=True)
class Measurement:
    """One figure.

    Args:
        what: ``local``, ``ray``, ``network``, ``stock`` or ``floor`` for seconds a round; else what was measured.
        values: each repetition; the figure is their median.
        unit: of the values.
        sites: how many took part; 0 where that means nothing.
        size: of the model; empty where that means nothing.
    """

    what: str
    values: tuple[float, ...]
    unit: str = "s"
    sites: int = 0
    size: str = ""

    @property
    def median(self) -> float:
        """The middle of the repetitions."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Verdict:
    """A target, and what was found; ``reached`` is None where a part was not run."""

    target: str
    found: float | None
    bound: float
    at_least: bool
    unit: str

    @property
    def reached(self) -> bool | None:
        """Whether the figure is on the right side of its bound."""
        if self.found is None:
            return None
        return self.found >= self.bound if self.at_least else self.found <= self.bound


def verdicts(measurements: Iterable[Measurement]) -> list[Verdict]:
    """Compare measurements with what the project promises."""
    found = {(one.what, one.sites, one.size): one.median for one in measurements}

    def ratio(over: tuple[str, int, str], under: tuple[str, int, str]) -> float | None:
        return found[over] / found[under] if over in found and under in found else None

    judged = [
        Verdict(
            f"local: times less than Ray, {size}, {sites} sites",
            ratio(("ray", sites, size), ("local", sites, size)),
            bound,
            at_least=True,
            unit="x",
        )
        for sites in (4, 20)
        for size, bound in zip(SIZES, (20, 5, 5), strict=True)
    ]
    judged += [
        Verdict(f"network: seconds, {size}", found.get(("network", 3, size)), bound, at_least=False, unit="s")
        for size, bound in (("tiny", 0.05), ("3.5 MB", 0.3))
    ]
    judged += [
        Verdict(
            f"network: times less than stock Flower, {size}",
            ratio(("stock", 3, size), ("network", 3, size)),
            bound,
            at_least=True,
            unit="x",
        )
        for size, bound in zip(SIZES, (40, 20, 5), strict=True)
    ]
    judged.append(
        Verdict(
            "network: times the floor, 100 MB",
            ratio(("network", 3, "100 MB"), ("floor", 3, "100 MB")),
            3,
            at_least=False,
            unit="x",
        )
    )
    judged += [
        Verdict(
            f"{what}: 200 sites against 10",
            ratio((what, 200, "3.5 MB"), (what, 10, "3.5 MB")),
            1.1,
            at_least=False,
            unit="x",
        )
        for what in ("peak memory, local", "peak memory, network")
    ]
    peak = "peak memory of an import, {} patients"
    judged.append(
        Verdict(
            "peak memory of an import: 40 patients against 8",
            ratio((peak.format(40), 0, ""), (peak.format(8), 0, "")),
            1.15,
            at_least=False,
            unit="x",
        )
    )
    judged.append(
        Verdict("fedchemo --help", found.get(("fedchemo --help", 0, "")), 0.5, at_least=False, unit="s")
    )
    return judged


def rounds_table(measurements: Sequence[Measurement]) -> Table:
    """Show seconds a round, one row for what was run and one column for each size of the model."""
    from rich.table import Table

    table = Table(title="seconds a round beyond the sites' own computing (median)")
    table.add_column("")
    table.add_column("sites", justify="right")
    for size in SIZES:
        table.add_column(size, justify="right")
    found: dict[tuple[str, int], dict[str, float]] = {}
    for one in measurements:
        if one.size and one.unit == "s":
            found.setdefault((one.what, one.sites), {})[one.size] = one.median
    for (what, sites), row in found.items():
        table.add_row(what, str(sites), *(f"{row[size]:.4f}" if size in row else "" for size in SIZES))
    return table


def others_table(measurements: Sequence[Measurement]) -> Table:
    """Show what is not a round."""
    from rich.table import Table

    table = Table(title="other figures")
    table.add_column("")
    table.add_column("figure", justify="right")
    for one in measurements:
        if (not one.size or one.unit != "s") and one.unit not in {CORE_SECONDS, ALL_CORES}:
            sites = f", {one.sites} sites" if one.sites else ""
            table.add_row(f"{one.what}{sites}", f"{one.median:,.2f} {one.unit}")
    return table


def account_table(measurements: Sequence[Measurement], cores: int) -> Table | None:
    """Show what a networked round of 100 MB is made of; None if its steps, the floor or the round were not measured."""
    from rich.table import Table

    found = {one.what: one.median for one in measurements if one.size == SIZES[-1] and one.unit == "s"}
    steps = [one for one in measurements if one.unit == CORE_SECONDS]
    if not steps or not {"floor", "network"} <= found.keys():
        return None
    table = Table(title=f"where a round of {SIZES[-1]} over the network goes, three sites, {cores} cores")
    for heading in ("", "core, s", "round, s"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("the bytes over bare TLS, hashed once an end (floor)", "", f"{found['floor']:.3f}")
    explained = found["floor"]
    for one in steps:
        if one.what.endswith("(in the floor)"):
            table.add_row(one.what, f"{one.median:.3f}", "", style="dim")
        else:
            explained += one.median / cores
            table.add_row(one.what, f"{one.median:.3f}", f"{one.median / cores:.3f}")
    rest = found["network"] - explained
    spent = {one.what: one.median for one in measurements if one.size == SIZES[-1] and one.unit == ALL_CORES}
    known = sum(one.median for one in steps if not one.what.endswith("(in the floor)"))
    other = spent["network, processors"] - spent["floor, processors"] - known
    words = "other work: TLS records and HTTP one by one in Python, message heads"
    table.add_row(words, f"{other:.3f}", f"{other / cores:.3f}")
    waits = rest - other / cores
    table.add_row(
        "cores that wait: one thread of the coordinator serves all lines; fsync", "", f"{waits:.3f}"
    )
    table.add_row("the round (network)", "", f"{found['network']:.3f}", style="bold")
    return table


def verdict_table(judged: Iterable[Verdict]) -> Table:
    """Show each target beside what was found."""
    from rich.table import Table

    table = Table(title="targets")
    table.add_column("target")
    table.add_column("bound", justify="right")
    table.add_column("found", justify="right")
    table.add_column("")
    marks = {True: "[green]reached[/]", False: "[red]missed[/]", None: "[dim]not run[/]"}
    for one in judged:
        found = "" if one.found is None else f"{one.found:.3g} {one.unit}"
        sign = "at least" if one.at_least else "at most"
        table.add_row(one.target, f"{sign} {one.bound:g} {one.unit}", found, marks[one.reached])
    return table


def write_json(path: Path, measurements: Sequence[Measurement], machine: Mapping[str, object]) -> None:
    """Write everything that was found, whole or not at all."""
    content = {
        "machine": dict(machine),
        "measurements": [{**asdict(one), "median": one.median} for one in measurements],
        "targets": [{**asdict(one), "reached": one.reached} for one in verdicts(measurements)],
    }
    write_text(path, json.dumps(content, indent=2) + "\n")
