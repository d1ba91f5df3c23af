"""Columns that predict the outcome better than anything known before treatment can.

The best single variable of I-SPY2 reaches an AUC of 0.65, tumour volume before surgery 0.75. A column with 0.90 and
more was written by somebody who knew the outcome: days to surgery where only residual disease was re-operated, a
residual cancer burden, an arm named afterwards. Small tables reach 0.90 by chance, so that it must also be
significant (Mann-Whitney test, Bonferroni's correction over the columns).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedchemo.client.cohort import Cohort, Problem
from fedchemo.client.cohort.problems import error, warning
from fedchemo.client.cohort.schema import VISITS_COLUMNS
from fedchemo.client.validation.headers import ignored_columns
from fedchemo.shared.clinical.schema import COLUMNS, SCHEMA

BOUND = 0.90
SIGNIFICANCE = 1e-3
# Fewer of a class say nothing.
_FEWEST = 5
MODEL = ("age_years", "hr", "her2", "mammaprint", "menopause", "arm", "tumour_volume_cc")
"""Columns that a model may see: leakage there is an error, elsewhere a warning."""


def leaking_columns(cohort: Cohort) -> Iterator[Problem]:
    """Yield FC170 for each column of ``clinical.csv`` and ``visits.csv``, read or ignored, that gives pCR away."""
    labels = cohort.clinical["pcr"].dropna()
    if min((labels == 1).sum(), (labels == 0).sum()) < _FEWEST:
        return
    candidates = list(_candidates(cohort, labels.index))
    for file, column, where, values in candidates:
        found = association(values, labels)
        if found is None:
            continue
        auc, p = found
        if auc >= BOUND and p * len(candidates) < SIGNIFICANCE:
            make = error if file == "clinical.csv" and column in MODEL else warning
            what = f"{where}predicts pcr with an AUC of {auc:.2f} (bound {BOUND:.2f}, p = {p:.1g})"
            remedy = "Remove it, or export what was known before treatment"
            yield make("FC170", cohort.folder / file, what, remedy, column=column)


def association(values: pd.Series, labels: pd.Series) -> tuple[float, float] | None:
    """Return the AUC, 0.5 and above, with which a column tells pCR, and the p-value of the Mann-Whitney test.

    Numbers and dates are taken in their order; of other text, each patient gets the rate of pCR among the others
    with the same word, so that a word of one's own tells nothing. None if too few patients have a value.
    """
    from scipy.stats import mannwhitneyu

    known = values.reindex(labels.index).dropna()
    outcome = labels[known.index].to_numpy(dtype=bool)
    if min(outcome.sum(), (~outcome).sum()) < _FEWEST or known.nunique() < 2:
        return None
    scores = _in_order(known)
    one_sided = scores is None
    if scores is None:
        scores = _rate_of_others(known, outcome)
    test = mannwhitneyu(
        scores[outcome], scores[~outcome], alternative="greater" if one_sided else "two-sided"
    )
    auc = float(test.statistic) / (int(outcome.sum()) * int((~outcome).sum()))
    return (auc if one_sided else max(auc, 1 - auc)), float(test.pvalue)


def _candidates(cohort: Cohort, patients: pd.Index) -> Iterator[tuple[str, str, str, pd.Series]]:
    """Yield file, column, which part of it, and the values of each column, and whether there is a value."""
    clinical = cohort.clinical.loc[patients]
    for column in SCHEMA:
        if column.name in {"patient_id", "pcr", "split"}:
            continue
        yield "clinical.csv", column.name, "", clinical[column.name]
        yield "clinical.csv", column.name, "having a value ", clinical[column.name].notna().astype(float)
    extra = ignored_columns(cohort.folder / "clinical.csv", key="patient_id", known=COLUMNS)
    for name in extra.columns:
        text = extra[name].reindex(patients)
        text = text.where(text != "")
        yield "clinical.csv", str(name), "", text
        yield "clinical.csv", str(name), "having a value ", text.notna().astype(float)
    for name in VISITS_COLUMNS[2:]:
        for visit, rows in cohort.visits[name].groupby(level="visit"):
            values = rows.droplevel("visit").reindex(patients)
            yield "visits.csv", name, f"at {visit} ", values
            yield "visits.csv", name, f"having a value at {visit} ", values.notna().astype(float)


def _in_order(values: pd.Series) -> NDArray[np.float64] | None:
    """Return values as numbers if they are numbers or dates, a stray word aside; else None."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().mean() >= 0.9:
        return np.asarray(numbers.fillna(numbers.median()), dtype=np.float64)
    dates = pd.to_datetime(values, errors="coerce", format="ISO8601")
    if dates.notna().mean() >= 0.9:
        days = (dates - dates.min()).dt.days.astype(float)
        return np.asarray(days.fillna(days.median()), dtype=np.float64)
    return None


def _rate_of_others(values: pd.Series, outcome: NDArray[np.bool_]) -> NDArray[np.float64]:
    words = pd.Series(outcome.astype(float), index=values.astype(str).str.strip().str.casefold())
    groups = words.groupby(level=0)
    others = groups.transform("size").to_numpy() - 1
    positive = groups.transform("sum").to_numpy() - outcome
    # Half a patient of each kind keeps a word of two patients from weighing as much as one of fifty.
    rate: NDArray[np.float64] = (positive + 0.5) / (others + 1.0)
    return rate
