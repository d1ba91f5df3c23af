"""One person, or one image, under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fedchemo.client.cohort import Cohort, Problem
from fedchemo.client.cohort.problems import error, warning
from fedchemo.client.validation.images import Examined
from fedchemo.shared.clinical.schema import COLUMNS
from fedchemo.shared.splits import SPLITS

# Correlation of the coarse pre-contrast volumes: 155 patients of I-SPY2 had at most 0.67 between two of them, 60
# synthetic ones, who share one anatomy, 0.90. Whole breasts taken by one protocol may be more alike than these crops,
# so that what enhances, which is a patient's own, must be alike too.
_ALIKE, _ENHANCING_ALIKE = 0.99, 0.95
_NAMED = 3


def equal_images(examined: Sequence[Examined]) -> list[Problem]:
    """Return FC165 for visits whose voxels are those of another visit; each of them is set aside."""
    alike: dict[str, list[Examined]] = defaultdict(list)
    for item in examined:
        if item.digest:
            alike[item.digest].append(item)
    problems = []
    for group in alike.values():
        for item in group:
            others = [other for other in group if other is not item]
            if not others:
                continue
            names = ", ".join(f"{other.patient} at {other.visit}" for other in others)
            what, remedy = (
                f"holds the same voxels as {names}",
                "Find out whose they are and remove the others",
            )
            problems.append(error("FC165", item.folder, what, remedy, patient=item.patient))
    return problems


def similar_images(examined: Sequence[Examined], cohort: Cohort) -> list[Problem]:
    """Return FC166 for patients whose image at a visit is nearly that of others, each pair once."""
    problems = []
    groups: dict[tuple[str, int], list[Examined]] = defaultdict(list)
    for item in examined:
        if item.signature is not None:
            groups[item.visit, item.signature.shape[1]].append(item)
    split = cohort.clinical["split"].to_dict()
    for group in groups.values():
        signatures = np.stack([item.signature for item in group if item.signature is not None])
        for place, one in enumerate(group[:-1]):
            rest = signatures[place + 1 :]
            pre, gain = np.einsum("nkb,kb->kn", rest, signatures[place]) / rest.shape[2]
            alike = np.flatnonzero((pre > _ALIKE) & (gain > _ENHANCING_ALIKE))
            others = [
                two
                for two in (group[place + 1 + int(other)] for other in alike)
                if two.patient != one.patient and two.digest != one.digest
            ]
            if not others:
                continue
            named = ", ".join(two.patient for two in others[:_NAMED])
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            what = f"is nearly that of {named}{more} (correlation {pre[alike].max():.3f})"
            what += _apart(split.get(one.patient), *(split.get(two.patient) for two in others))
            remedy = "Check whether they are one person; keep one"
            problems.append(warning("FC166", one.folder, what, remedy, patient=one.patient))
    return problems


def equal_patients(cohort: Cohort) -> list[Problem]:
    """Return FC167 for patients with every clinical value alike; age and volume must be known, else it is chance."""
    columns = [name for name in COLUMNS if name not in {"patient_id", "split"}]
    known = cohort.clinical.dropna(subset=["age_years", "tumour_volume_cc"])
    keys = known[columns].apply(lambda row: tuple(None if pd.isna(cell) else cell for cell in row), axis=1)
    path: Path = cohort.folder / "clinical.csv"
    problems = []
    for _, group in known.groupby(keys.astype(str)) if len(known) else ():
        first, *others = (str(patient) for patient in group.index)
        for other in others:
            splits = cohort.clinical.loc[[first, other], "split"]
            what = f"has every value of {first}{_apart(*splits)}"
            remedy = "Check whether the two are one person; keep one"
            problems.append(warning("FC167", path, what, remedy, patient=other))
    return problems


def _apart(*splits: object) -> str:
    known = [split for split in SPLITS if split in splits]
    return f", and they are in different splits ({', '.join(known)})" if len(known) > 1 else ""
