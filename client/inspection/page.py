"""Brings the page together: validation, table, charts and pictures into one HTML file."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from fedchemo.client.cohort import Cohort, Problem, SiteProblems
from fedchemo.client.inspection.charts import charts
from fedchemo.client.inspection.montage import Montage, draw
from fedchemo.client.inspection.scanners import equipment
from fedchemo.client.inspection.table_one import rows
from fedchemo.client.validation import Validation, validate_site
from fedchemo.client.validation.images import Examined, Progress
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.clinical.reference import SOURCE
from fedchemo.shared.clinical.schema import SCHEMA
from fedchemo.shared.page import environment, style
from fedchemo.shared.splits import SPLITS


@dataclass(frozen=True)
class Card:
    """One examination as the page shows it.

    Attributes:
        patient: the pseudonym.
        visit: T0 to T3.
        outcome: pcr, rest or unknown.
        split: of the patient; empty without.
        facts: a few clinical values in words.
        flags: problems of the patient and of the examination.
        montage: the pictures; None where the files cannot be read.
    """

    patient: str
    visit: str
    outcome: str
    split: str
    facts: str
    flags: tuple[Problem, ...]
    montage: Montage | None


def inspect_site(
    folder: Path,
    *,
    state: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    today: dt.date | None = None,
) -> tuple[str, Validation]:
    """Return the page on a site folder, and what validation found.

    Args:
        folder: the site folder; it is only read.
        state: the state folder of the import, for the scanners; None leaves them out.
        workers: visits in memory at a time.
        progress: told how many visits of how many are done.
        today: the day that the page shows.

    Raises:
        SiteProblems: FC101 if there is nothing to show.
        FedchemoError: FC004 if the disk or share fails; FC002 if the import's report cannot be understood.
    """
    found = validate_site(folder, workers=workers, progress=progress, look=draw)
    cohort = found.cohort
    if cohort is None or not len(cohort.clinical):
        raise SiteProblems(found.problems)
    examined = {item.patient for item in found.examined}
    context: dict[str, Any] = {
        "found": found,
        "counts": found.counts,
        "day": (today or dt.datetime.now().astimezone().date()).isoformat(),
        "version": version("fedchemo"),
        "source": SOURCE,
        "groups": _groups(found.problems),
        "set_aside": found.set_aside,
        "missing": _missing(cohort),
        "table": rows(cohort) if cohort.clinical["pcr"].notna().any() else [],
        "charts": charts(cohort),
        "splits": _splits(cohort),
        "visits": _visits(cohort),
        "scanners": equipment(state, cohort) if state else None,
        "cards": _cards(found, cohort),
        "without": [str(patient) for patient in cohort.clinical.index if patient not in examined],
        "shown": {str(patient) for patient in cohort.clinical.index},
        "catalogue": CATALOGUE,
    }
    return _render(context), found


def _render(context: dict[str, Any]) -> str:
    package = "fedchemo.client.inspection"
    templates = environment()
    templates.filters["percent"] = lambda share: f"{share:.0%}"
    template = templates.from_string((files(package) / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(style=style(package), **context)


def _groups(problems: tuple[Problem, ...]) -> list[tuple[str, str, list[Problem]]]:
    """Return severity, code and problems, in the order of the problems."""
    groups: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        groups[problem.severity, problem.code].append(problem)
    return [(severity, code, group) for (severity, code), group in groups.items()]


def _missing(cohort: Cohort) -> list[tuple[str, int, float]]:
    """Return each variable, for how many it is missing, and their share."""
    frame = cohort.clinical
    found = [
        (column.name, int(frame[column.name].isna().sum()), float(frame[column.name].isna().mean()))
        for column in SCHEMA[1:]
        if column.name != "split"
    ]
    lacking = sum("T0" not in cohort.images.get(patient, {}) for patient in frame.index)
    return [*found, ("image at T0", lacking, lacking / len(frame))]


def _splits(cohort: Cohort) -> list[dict[str, Any]]:
    found = []
    for split in SPLITS:
        patients = cohort.patients(split)
        positive = int(cohort.clinical.loc[patients, "pcr"].sum())
        imaged = sum("T0" in cohort.images.get(patient, {}) for patient in patients)
        found.append({"name": split, "patients": len(patients), "positive": positive, "imaged": imaged})
    return found


def _visits(cohort: Cohort) -> list[dict[str, Any]]:
    measured = cohort.visits.index.get_level_values("visit") if len(cohort.visits) else pd.Index([])
    found = []
    for visit in ("T0", "T1", "T2", "T3"):
        images = sum(visit in there for there in cohort.images.values())
        rows_there = cohort.visits[measured == visit] if len(cohort.visits) else cohort.visits
        days = (
            rows_there["days_since_t0"].dropna() if "days_since_t0" in rows_there else pd.Series(dtype=float)
        )
        found.append(
            {
                "name": visit,
                "images": images,
                "measured": len(rows_there),
                "days": f"{days.median():.0f}" if len(days) else "–",
            }
        )
    return found


def _cards(found: Validation, cohort: Cohort) -> list[Card]:
    by_patient: dict[str, list[Problem]] = defaultdict(list)
    for problem in found.problems:
        if problem.patient:
            by_patient[problem.patient].append(problem)
    visits_of = cohort.images
    return [
        Card(
            patient=item.patient,
            visit=item.visit,
            outcome=_outcome(cohort.clinical.at[item.patient, "pcr"]),
            split=str(cohort.clinical.at[item.patient, "split"] or ""),
            facts=_facts(cohort.clinical.loc[[item.patient]].iloc[0]),
            flags=tuple(p for p in by_patient[item.patient] if _is_of(p, item, visits_of[item.patient])),
            montage=item.seen if isinstance(item.seen, Montage) else None,
        )
        for item in found.examined
    ]


def _is_of(problem: Problem, item: Examined, visits: Any) -> bool:
    """Tell whether a problem belongs on this card: it is not of another visit's files."""
    others = [folder for visit, folder in visits.items() if visit != item.visit]
    return not any(problem.file.startswith(str(folder)) for folder in others)


def _outcome(pcr: object) -> str:
    return "unknown" if pd.isna(pcr) else "pcr" if pcr == 1 else "rest"  # type: ignore[call-overload]


def _facts(row: pd.Series) -> str:
    said = []
    for name, title in (("hr", "HR"), ("her2", "HER2")):
        if pd.notna(row[name]):
            said.append(f"{title}{'+' if row[name] == 1 else '−'}")
    if pd.notna(row["age_years"]):
        said.append(f"{row['age_years']:g} years")
    if pd.notna(row["tumour_volume_cc"]):
        volume = float(row["tumour_volume_cc"])
        said.append(f"{volume:.0f} cm³" if volume >= 100 else f"{volume:.3g} cm³")
    return ", ".join(said)
