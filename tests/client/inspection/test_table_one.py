"""Table 1 agrees with what statistics packages say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fedchemo.client.cohort import read_site
from fedchemo.client.inspection.table_one import rows
from tests.sites import write_site


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = write_site(tmp_path_factory.mktemp("table"), "A", patients=80)
    table = pd.read_csv(folder / "clinical.csv", dtype=str, keep_default_na=False)
    table["menopause"] = (["pre", "peri", "post", "post", ""] * 16)[: len(table)]
    table.loc[70:, "pcr"] = ""
    table.to_csv(folder / "clinical.csv", index=False)
    return read_site(folder)


@pytest.fixture(scope="module")
def found(cohort):
    return {row.name: row for row in rows(cohort)}


@pytest.fixture(scope="module")
def groups(cohort):
    known = cohort.clinical.dropna(subset=["pcr"])
    return known[known["pcr"] == 1], known[known["pcr"] == 0]


def test_numbers(found, groups):
    one, two = (group["age_years"].dropna() for group in groups)
    row = found["Age, years; median [quartiles]"]
    spread = np.sqrt((one.var() + two.var()) / 2)
    assert row.difference == f"{abs(one.mean() - two.mean()) / spread:.2f}"
    assert float(row.p) == pytest.approx(stats.mannwhitneyu(one, two).pvalue, abs=0.006)
    assert row.cells[1].startswith(f"{one.median():.3g} [")


def test_shares_and_their_missing_values(found, groups):
    one, two = (group["mammaprint"].dropna() for group in groups)
    row = found["MammaPrint high 2"]
    a, b = one.mean(), two.mean()
    assert row.difference == f"{abs(a - b) / np.sqrt((a * (1 - a) + b * (1 - b)) / 2):.2f}"
    assert row.cells[1] == f"{int(one.sum())} ({a:.0%})"
    assert row.known == str(len(one) + len(two))
    assert row.missing == pytest.approx(1 - (len(one) + len(two)) / sum(map(len, groups)))


def test_categories_add_up(found, groups):
    counts = [
        [int((group["menopause"] == name).sum()) for name in ("pre", "peri", "post")] for group in groups
    ]
    assert [int(found[name].cells[1].split()[0]) for name in ("pre", "peri", "post")] == counts[0]
    p = found["Menopausal status"].p
    assert float(p) == pytest.approx(stats.chi2_contingency(counts).pvalue, abs=0.006)


def test_two_categories_have_the_difference_of_a_share(cohort):
    binary = cohort.clinical.assign(race=np.where(cohort.clinical["hr"] == 1, "yes", "no"))
    told = {row.name: row for row in rows(type(cohort)(**{**vars(cohort), "clinical": binary}))}
    assert told["Race"].difference == told["HR-positive"].difference


def test_what_cannot_be_told_is_a_dash(cohort):
    bare = cohort.clinical.assign(age_years=np.nan, menopause=None, hr=1.0)
    told = {row.name: row for row in rows(type(cohort)(**{**vars(cohort), "clinical": bare}))}
    assert told["Age, years; median [quartiles]"].cells == ("–", "–", "–")
    assert told["Menopausal status"].p == "–"
    assert told["HR-positive"].difference == "–"
