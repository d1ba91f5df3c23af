"""What a study folder holds for a report: its tables of aggregated figures; no prediction is read.

A study of an earlier release lacks some tables: what is not there is None or empty, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.studies.run import STUDY
from fedchemo.simulations.studies.settings import Study, read_study

Row: TypeAlias = Mapping[str, Any]

ABOUT = ("partition", "variant", "privacy")
"""The columns that name a condition."""
NEEDED = {
    "estimates": {"variant", "partition", "method", "figure", "value", "low", "high", "n"},
    "comparisons": {"variant", "partition", "first", "second", "value", "low", "high", "margin", "verdict"},
    "subgroups": {
        "variant",
        "partition",
        "grouping",
        "group",
        "n",
        "positives",
        "auc",
        "auc_low",
        "auc_high",
    },
    "gaps": set(),
    "cross_site": {"variant", "partition", "trained_at", "site", "value"},
    "roc": {"method", "false_positive_rate", "true_positive_rate", "low", "high"},
    "calibration_curve": {"method", "predicted", "observed", "low", "high"},
    "probes": {"method", "target", "source", "balanced_accuracy", "low", "high", "chance", "shuffled_most"},
    "convergence": {"method", "site", "round", "patients", "log_loss"},
    "left": {"method", "site", "kind", "answers", "bytes"},
    "cost": {"method", "runs", "cpu_seconds"},
    "decision_curve": {"method", "threshold", "model", "low", "high", "everyone"},
}
"""Table -> the columns without which it is of no use here."""


@dataclass(frozen=True)
class StudyFiles:
    """A study and its tables.

    Attributes:
        study: its settings.
        tables: by name; empty ones are absent.
        findings: its verdicts and power, a sentence each.
    """

    study: Study
    tables: Mapping[str, pd.DataFrame]
    findings: tuple[str, ...]

    def rows(self, name: str) -> list[Row]:
        """Return a table's rows; none if it is not there."""
        table = self.tables.get(name)
        return (
            [] if table is None else [{str(key): row[key] for key in row} for row in table.to_dict("records")]
        )

    def first(self, name: str) -> list[Row]:
        """Return the rows of the study's first condition, to which curves and hospitals are shown."""
        chosen = self.rows("estimates")[0]
        return [
            row
            for row in self.rows(name)
            if all(str(row[column]) == str(chosen[column]) for column in ABOUT if column in row)
        ]

    @property
    def conditions(self) -> list[tuple[str, ...]]:
        """The conditions that were judged, in the order of the study."""
        return list(dict.fromkeys(condition(row) for row in self.rows("estimates")))


def condition(row: Row) -> tuple[str, ...]:
    """Return what names the condition of a row."""
    return tuple(str(row[name]) for name in ABOUT if name in row)


def interval(row: Row, value: str = "value", low: str = "low", high: str = "high") -> Interval | None:
    """Return the interval of a row; None where a number is missing."""
    numbers = [row.get(name) for name in (value, low, high)]
    if any(number is None or pd.isna(number) for number in numbers):
        return None
    found = [float(number) for number in numbers if number is not None]
    return Interval(found[0], found[1], found[2])


def read_study_folder(folder: Path) -> StudyFiles:
    """Read a study folder.

    Raises:
        FedchemoError: FC002, FC301 as `read_study`; FC780 if a table is damaged, or there is no estimate.
    """
    study = read_study(folder / STUDY)
    tables = {
        name: table for name in NEEDED if (table := _read(folder / f"{name}.csv", NEEDED[name])) is not None
    }
    if "estimates" not in tables:
        raise FedchemoError("FC780", f"{folder} holds no estimates.csv: the study has not ended")
    findings = folder / "findings.txt"
    told = findings.read_text(encoding="utf-8").splitlines() if findings.is_file() else []
    return StudyFiles(study, tables, tuple(told))


def _read(path: Path, needed: set[str]) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys((*ABOUT, "method", "group", "site", "trained_at"), str))
    except ValueError as error:
        raise FedchemoError("FC780", f"{path}: {type(error).__name__}") from error
    if missing := sorted(needed - set(table.columns)):
        raise FedchemoError("FC780", f"{path} lacks {', '.join(missing)}")
    return table if len(table) else None
