"""Columns that give the outcome away are told; real predictors and chance are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedchemo.client.validation import validate_site
from fedchemo.client.validation.leakage import association
from fedchemo.shared.randomness import numpy_stream
from tests.client.validation.conftest import about


def outcomes(count=60, share=0.35):
    stream = numpy_stream(1, "leakage")
    return pd.Series((stream.random(count) < share).astype(float), index=[f"p{n}" for n in range(count)])


def test_numbers_dates_and_words_that_follow_the_outcome_are_measured():
    labels = outcomes()
    noise = numpy_stream(2, "leakage").normal(0, 1, len(labels))
    assert association(pd.Series(labels * 10 + noise, labels.index), labels)[0] == 1.0
    assert association(pd.Series(-labels * 10 + noise, labels.index).astype(str), labels)[0] == 1.0
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(labels * 400 + np.arange(60), unit="D")
    dates = pd.Series(days.dt.strftime("%Y-%m-%d").to_numpy(), labels.index)
    assert association(dates, labels)[0] == 1.0
    words = pd.Series(np.where(labels == 1, "RCB-0", "RCB-II"), labels.index)
    auc, p = association(words, labels)
    assert auc == 1.0
    assert p < 1e-6


def test_a_word_of_ones_own_tells_nothing():
    labels = outcomes()
    names = pd.Series([f"patient {number} x" for number in range(60)], labels.index)
    auc, _ = association(names, labels)
    assert auc < 0.9


def test_too_few_or_constant_values_are_not_judged():
    labels = outcomes()
    assert association(pd.Series(1.0, labels.index), labels) is None
    assert association(labels[:8], labels) is None


def test_chance_is_not_leakage():
    labels = outcomes(count=30)
    found = [
        association(pd.Series(numpy_stream(seed, "chance").normal(size=30), labels.index), labels)
        for seed in range(300)
    ]
    assert not [auc for auc, p in found if auc >= 0.9 and p * 40 < 1e-3]


@pytest.mark.parametrize(
    ("column", "severity"), [("days_to_surgery", "warning"), ("arm", "error"), ("menopause", "error")]
)
def test_a_leaking_column_is_an_error_where_a_model_may_see_it(site, change_table, column, severity):
    words = {"days_to_surgery": ("170", "250"), "arm": ("A", "B"), "menopause": ("pre", "post")}[column]
    change_table(lambda table: table.assign(**{column: np.where(table["pcr"] == "1", *words)}))
    found = validate_site(site, images=False)
    assert about(found.problems, "FC170") == [("FC170", severity, None, column)]
    assert about(found.problems, "FC115") == []
    assert found.usable is (severity == "warning")


def test_having_a_value_can_give_the_outcome_away(site, change_table):
    change_table(
        lambda table: table.assign(mammaprint=np.where(table["pcr"] == "1", "", table["mammaprint"]))
    )
    (problem,) = [p for p in validate_site(site, images=False).problems if p.code == "FC170"]
    assert problem.what.startswith("having a value predicts pcr")


def test_a_measurement_of_a_visit_can_give_the_outcome_away(site):
    table = pd.read_csv(site / "clinical.csv")
    stream = numpy_stream(0, "visits")
    visits = pd.DataFrame({"patient_id": table["patient_id"], "visit": "T3"})
    visits["ftv_cc"] = np.where(table["pcr"] == 1, 0.0, stream.uniform(1, 5, len(table)).round(2))
    visits["bpe"] = stream.uniform(10, 40, len(table)).round(1)
    visits.to_csv(site / "visits.csv", index=False)
    (problem,) = [p for p in validate_site(site, images=False).problems if p.code == "FC170"]
    assert (problem.column, problem.severity) == ("ftv_cc", "warning")
    assert problem.what.startswith("at T3 ")
