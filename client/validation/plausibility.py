"""Values and columns that are possible, but not what a large trial has seen; all of it warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fedchemo.client.cohort import Cohort, Problem
from fedchemo.client.cohort.problems import warning
from fedchemo.shared.clinical.reference import MEASUREMENTS, NUMBERS, SHARES, SOURCE, Number

# Fewer patients differ from a trial by chance.
_FEWEST = 20
# Standard normal quantile of a two-sided 99.9 % interval: a site has some ten columns to be wrong about.
_Z = 3.29


def unusual_values(cohort: Cohort) -> Iterator[Problem]:
    """Yield FC168 for each value outside its usual range."""
    for column, reference in NUMBERS.items():
        for patient, value in cohort.clinical[column].dropna().items():
            if _outside(value, reference.usual):
                yield _unusual(cohort, "clinical.csv", str(patient), column, value, reference)
    for column, visits in MEASUREMENTS.items():
        known = cohort.visits[column].dropna()
        patients, names = (known.index.get_level_values(level) for level in ("patient_id", "visit"))
        for patient, visit, value in zip(patients, names, known, strict=True):
            reference = visits[str(visit)]
            if _outside(value, reference.usual):
                yield _unusual(cohort, "visits.csv", str(patient), column, value, reference)


def unusual_columns(cohort: Cohort) -> Iterator[Problem]:
    """Yield FC169 for each column of ``clinical.csv`` that as a whole is unlike every hospital's of the trial."""
    path = cohort.folder / "clinical.csv"
    for column, share in SHARES.items():
        known = cohort.clinical[column].dropna()
        if len(known) < _FEWEST:
            continue
        positive = float(known.mean())
        # One outcome only is an error of its own.
        if positive in {0.0, 1.0} and column != "pcr":
            what = f"is {positive:g} for all {len(known)} patients"
            remedy = "Check that this is no default of the export"
            yield warning("FC169", path, what, remedy, column=column)
            continue
        low, high = _interval(positive, len(known))
        if high < share.shares[0] or low > share.shares[1]:
            what = (
                f"is 1 for {positive:.0%} of {len(known)} patients; hospitals have "
                f"{share.shares[0]:.0%} to {share.shares[1]:.0%}, {SOURCE} {share.share:.0%}"
            )
            remedy = "Check that 1 and 0 are not exchanged, and that no patients were left out"
            yield warning("FC169", path, what, remedy, column=column)
    for column, number in NUMBERS.items():
        known = cohort.clinical[column].dropna()
        if len(known) < _FEWEST or number.medians is None:
            continue
        median = float(known.median())
        if _outside(median, number.medians):
            what = (
                f"has median {median:.3g} {number.unit}; hospitals have {number.medians[0]:g} to "
                f"{number.medians[1]:g}, {SOURCE} {number.quantiles[2]:g}"
            )
            yield warning("FC169", path, what, "Check the unit of the export", column=column)


def _outside(value: float, limits: tuple[float, float]) -> bool:
    return value < limits[0] or value > limits[1]


def _unusual(
    cohort: Cohort, file: str, patient: str, column: str, value: float, reference: Number
) -> Problem:
    low, high = reference.usual
    what = f"is unusual for {reference.title}: usual are {low:g} to {high:g} {reference.unit}".rstrip()
    remedy = "Check it against the record; nothing to do if it is right"
    return warning(
        "FC168", cohort.folder / file, what, remedy, column=column, value=f"{value:g}", patient=patient
    )


def _interval(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval of a share (Wilson, JASA 1927)."""
    z2 = _Z * _Z / count
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return middle - half, middle + half
