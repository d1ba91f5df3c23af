"""The equipment of a site, as its import found it: outcomes that follow a scanner are a trap for a model."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort import Cohort
from fedchemo.shared.errors import FedchemoError


@dataclass(frozen=True)
class Equipment:
    """One scanner model.

    Attributes:
        name: manufacturer, model and field strength.
        examinations: of patients of the cohort.
        patients: of those.
        labelled: patients with a known outcome.
        positive: of those with pCR.
        early_s: median seconds after the contrast agent of the early phase; None if unknown.
        late_s: of the late phase.
    """

    name: str
    examinations: int
    patients: int
    labelled: int
    positive: int
    early_s: float | None
    late_s: float | None


def equipment(state: Path, cohort: Cohort) -> list[Equipment] | None:
    """Return the scanners in ``<state>/import/report.json``, most used first; None if there is no report.

    Raises:
        FedchemoError: FC002 if the report cannot be understood.
    """
    from statistics import median

    path = state / "import" / "report.json"
    if not path.is_file():
        return None
    groups: dict[str, list[dict[str, object]]] = defaultdict(list)
    try:
        for item in json.loads(path.read_text(encoding="utf-8")).get("examinations", []):
            if item["pseudonym"] in cohort.clinical.index:
                groups[_name(item.get("scanner") or {})].append(item)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FedchemoError("FC002", f"{path}: is no report of an import ({type(error).__name__})") from error
    found = []
    for name, items in groups.items():
        patients = sorted({str(item["pseudonym"]) for item in items})
        outcomes = cohort.clinical.loc[patients, "pcr"].dropna()
        times = [
            times for item in items if isinstance(times := item.get("times_s"), list) and len(times) == 2
        ]
        early, late = (median(column) for column in zip(*times, strict=True)) if times else (None, None)
        found.append(
            Equipment(name, len(items), len(patients), len(outcomes), int(outcomes.sum()), early, late)
        )
    return sorted(found, key=lambda item: (-item.examinations, item.name))


def _name(scanner: dict[str, object]) -> str:
    strength = scanner.get("field_strength_t")
    parts = [str(scanner.get(key) or "") for key in ("manufacturer", "model")]
    parts.append(f"{strength:g} T" if isinstance(strength, int | float) else "")
    return " ".join(part for part in parts if part) or "not recorded"
