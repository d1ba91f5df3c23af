"""For whom a method works: subgroup tables and fairness gaps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from fedchemo.simulations.statistics import subgroups, weighted
from fedchemo.simulations.studies.cells import Matrix

THRESHOLD = 0.3
"""Near the share of pCR: above it a patient would be told that pCR is likelier than for others."""
RESAMPLES, SHUFFLES = 1000, 200
GAPS: dict[str, weighted.Figure] = {
    "auc": weighted.auc,
    "observed less predicted": weighted.observed_less_predicted,
    f"sensitivity at {THRESHOLD:g}": partial(weighted.sensitivity, threshold=THRESHOLD),
}
"""Discrimination, calibration and equal opportunity."""


def by_group(matrix: Matrix, patients: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield the rows of the subgroup tables."""
    found = subgroups.tables(matrix.mean, matrix.outcomes, groupings(matrix, patients))
    for grouping, rows in found.items():
        for row in rows:
            against = row.against_others
            yield {
                "grouping": grouping,
                "group": row.name,
                "n": row.patients,
                "positives": row.positives,
                "auc": row.auc.value if row.auc else None,
                "auc_low": row.auc.low if row.auc else None,
                "auc_high": row.auc.high if row.auc else None,
                "against_others": against.estimate.value if against else None,
                "against_others_low": against.estimate.low if against else None,
                "against_others_high": against.estimate.high if against else None,
                "observed": row.observed.value if row.observed else None,
                "predicted": row.predicted,
                "in_the_large": row.in_the_large.value if row.in_the_large else None,
                "in_the_large_low": row.in_the_large.low if row.in_the_large else None,
                "in_the_large_high": row.in_the_large.high if row.in_the_large else None,
            }


def gaps(matrix: Matrix, patients: pd.DataFrame, stream: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield the gap between the best and the worst group for each grouping and figure, beside that of chance."""
    for grouping, names in groupings(matrix, patients).items():
        for figure, statistic in GAPS.items():
            found = subgroups.gap(
                statistic,
                matrix.mean,
                matrix.outcomes,
                names,
                generator=stream,
                resamples=RESAMPLES,
                shuffles=SHUFFLES,
            )
            if found is not None:
                yield {
                    "grouping": grouping,
                    "figure": figure,
                    "gap": found.estimate.value,
                    "low": found.estimate.low,
                    "high": found.estimate.high,
                    "by_chance": found.by_chance,
                    "p": found.p,
                    "best": found.best,
                    "worst": found.worst,
                    "how": found.estimate.method,
                }


def groupings(matrix: Matrix, patients: pd.DataFrame) -> dict[str, npt.ArrayLike]:
    """Return each patient's group by subtype, age, menopause, vendor and site."""
    about = patients.loc[matrix.patients]
    return {
        "subtype": subgroups.subtypes(about["hr"], about["her2"]),
        "age": subgroups.age_groups(about["age_years"]),
        "menopause": subgroups.categories(about["menopause"]),
        "vendor": subgroups.categories(about["vendor"]),
        "site": subgroups.categories(matrix.sites),
    }
