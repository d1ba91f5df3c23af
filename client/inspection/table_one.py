"""The cohort by outcome: what a paper calls its Table 1.

Differences are standardised: Cohen's d for numbers (of the logarithm where a variable is skewed), Austin's
(Commun Stat Simul Comput 2009) for shares, Yang and Dalton's (SAS Global Forum 2012) for several categories; above
0.2 they deserve a look. P-values are those of Mann-Whitney's test for numbers and of Fisher's exact test for shares;
several categories get a chi-squared test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedchemo.client.cohort import Cohort
from fedchemo.shared.clinical.reference import NUMBERS

_NOTHING = "–"
_BINARY = {"hr": "HR-positive", "her2": "HER2-positive", "mammaprint": "MammaPrint high 2"}
_CATEGORIES = {"menopause": "Menopausal status", "race": "Race", "arm": "Treatment arm"}


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: of the variable or category.
        cells: all labelled patients, those with pCR, those without.
        known: how many patients have a value; empty below a variable's first row.
        missing: share without one, 0 to 1; None below a variable's first row.
        difference: standardised, absolute; empty where it cannot be told.
        p: of a test of no difference.
        category: whether it is a category of the variable above.
    """

    name: str
    cells: tuple[str, str, str]
    known: str = ""
    missing: float | None = None
    difference: str = ""
    p: str = ""
    category: bool = False

    @property
    def marked(self) -> bool:
        """Whether the two groups differ by more than 0.2 standard deviations."""
        return bool(self.difference) and self.difference != _NOTHING and float(self.difference) > 0.2


def rows(cohort: Cohort) -> list[Row]:
    """Return the rows, over the patients whose outcome is known."""
    frame = cohort.clinical[cohort.clinical["pcr"].notna()]
    outcome = frame["pcr"] == 1
    found: list[Row] = []
    for name, number in NUMBERS.items():
        title = f"{number.title}, {number.unit}; median [quartiles]"
        found.append(_number(title, frame[name], outcome, logarithmic=number.logarithmic))
    for name, title in _BINARY.items():
        found.append(_share(title, frame[name], outcome))
    for name, title in _CATEGORIES.items():
        found.extend(_categories(title, frame[name], outcome))
    imaged = pd.Series(
        [float("T0" in cohort.images.get(patient, {})) for patient in frame.index], frame.index
    )
    found.append(_share("Has an image at T0", imaged, outcome))
    return found


def _number(name: str, values: pd.Series, outcome: pd.Series, *, logarithmic: bool) -> Row:
    from scipy.stats import mannwhitneyu

    known = values.dropna()
    with_pcr, without = known[outcome[known.index]], known[~outcome[known.index]]
    difference, p = _NOTHING, _NOTHING
    if min(len(with_pcr), len(without)) > 1:
        one, two = (np.log(part) if logarithmic else part for part in (with_pcr, without))
        difference = _quotient(float(one.mean() - two.mean()), (float(one.var()) + float(two.var())) / 2)
        p = _p(float(mannwhitneyu(with_pcr, without).pvalue))
    cells = (_quartiles(known), _quartiles(with_pcr), _quartiles(without))
    return Row(name, cells, f"{len(known)}", _missing(values), difference, p)


def _share(name: str, values: pd.Series, outcome: pd.Series) -> Row:
    from scipy.stats import fisher_exact

    known = values.dropna()
    with_pcr, without = known[outcome[known.index]], known[~outcome[known.index]]
    difference, p = _NOTHING, _NOTHING
    if len(with_pcr) and len(without):
        one, two = float(with_pcr.mean()), float(without.mean())
        difference = _quotient(one - two, (one * (1 - one) + two * (1 - two)) / 2)
        counts = [[int(part.sum()), int(len(part) - part.sum())] for part in (with_pcr, without)]
        p = _p(float(fisher_exact(counts).pvalue))
    cells = (_percent(known), _percent(with_pcr), _percent(without))
    return Row(name, cells, f"{len(known)}", _missing(values), difference, p)


def _categories(name: str, values: pd.Series, outcome: pd.Series) -> Iterator[Row]:
    from scipy.stats import chi2_contingency

    known = values.dropna()
    if not len(known):
        yield Row(name, (_NOTHING,) * 3, "0", _missing(values), _NOTHING, _NOTHING)
        return
    counts = pd.crosstab(known, outcome[known.index]).reindex(columns=[True, False], fill_value=0)
    difference, p = _NOTHING, _NOTHING
    if len(counts) > 1 and (counts.sum() > 0).all():
        p = _p(float(chi2_contingency(counts.to_numpy()).pvalue))
        difference = _several(counts)
    yield Row(name, ("", "", ""), f"{len(known)}", _missing(values), difference, p)
    for category, row in counts.loc[counts.sum(axis=1).sort_values(ascending=False).index].iterrows():
        parts = ((row.sum(), counts.to_numpy().sum()), (row[True], counts[True].sum()))
        cells = [_of(part, whole) for part, whole in (*parts, (row[False], counts[False].sum()))]
        yield Row(str(category), (cells[0], cells[1], cells[2]), category=True)


def _several(counts: pd.DataFrame) -> str:
    shares = (counts / counts.sum()).to_numpy()[1:]
    one, two = shares[:, 0], shares[:, 1]
    covariances = [np.diag(part) - np.outer(part, part) for part in (one, two)]
    pooled = (covariances[0] + covariances[1]) / 2
    squared = float((one - two) @ np.linalg.pinv(pooled) @ (one - two))
    return f"{math.sqrt(max(squared, 0.0)):.2f}"


def _quotient(difference: float, variance: float) -> str:
    return f"{abs(difference) / math.sqrt(variance):.2f}" if variance > 0 else _NOTHING


def _quartiles(values: pd.Series) -> str:
    if not len(values):
        return _NOTHING
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def _percent(values: pd.Series) -> str:
    return _of(values.sum(), len(values))


def _of(part: float, whole: float) -> str:
    return f"{int(part)} ({part / whole:.0%})" if whole else _NOTHING


def _missing(values: pd.Series) -> float:
    return float(values.isna().mean()) if len(values) else 0.0


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
