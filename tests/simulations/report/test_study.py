"""What the page of a study says follows from its tables alone, and what is not there is said to be missing."""

from __future__ import annotations

import pandas as pd
import pytest
import tomli_w

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.report.figure import Dots, Heat
from fedchemo.simulations.report.page import render
from fedchemo.simulations.report.study import study_page
from fedchemo.simulations.studies.settings import Study
from tests.simulations.report.conftest import HOSTILE

CELL = {"variant": "as it is", "partition": "site"}
METHODS = {"fedavg": 0.75, "local": 0.70, "pooled": 0.76, "clinical": 0.74}


def estimate(method, figure, value):
    return {**CELL, "method": method, "figure": figure, "value": value, "low": value - 0.05, "high": value + 0.05,
            "n": 200, "how": "DeLong"}  # fmt: skip


def comparison(second, value, half, **more):
    return {**CELL, "first": "fedavg", "second": second, "value": value, "low": value - half, "high": value + half,
            "p": 0.01, "p_holm": 0.03, "margin": 0.02, "p_equivalence": 0.5, "p_not_worse": 0.001,
            "verdict": f"fedavg less {second}", **more}  # fmt: skip


def group(grouping, name, area):
    about = {**CELL, "grouping": grouping, "group": name, "n": 60, "positives": 20}
    low, high = (None, None) if area is None else (area - 0.1, area + 0.1)
    return {**about, "auc": area, "auc_low": low, "auc_high": high}


@pytest.fixture
def write(tmp_path):
    def written(**tables):
        study = Study.model_validate({"name": "trial", "question": "Does it help?", "cross_site": True})
        (tmp_path / "study.toml").write_text(tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)))
        for name, rows in tables.items():
            pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
        return tmp_path

    return written


@pytest.fixture
def whole(write):
    estimates = [estimate(method, "auc", value) for method, value in METHODS.items()]
    estimates += [estimate(method, "auc at north", value - 0.1) for method, value in METHODS.items()]
    crossed = [
        {**CELL, "trained_at": one, "site": other, "value": value}
        for one, other, value in [("north", "north", 0.7), ("north", "south", 0.6), ("south", "south", 0.8)]
    ]
    points = [0.0, 0.5, 1.0]
    return write(
        estimates=estimates,
        comparisons=[
            comparison("pooled", -0.001, 0.004, p_holm=1.0, p_equivalence=0.001),
            comparison("local", 0.05, 0.03),
            comparison("clinical", 0.01, 0.04, p_holm=1.0),
        ],
        subgroups=[group("subtype", "HR+/HER2-", 0.6), group("age", "below 40", None), group("site", "north", 0.65)],
        cross_site=crossed,
        roc=[
            {**CELL, "method": "fedavg", "false_positive_rate": x, "true_positive_rate": x**0.5, "low": x, "high": 1.0}
            for x in points
        ],
        decision_curve=[
            {**CELL, "method": "fedavg", "threshold": x, "model": 0.2, "low": 0.1, "high": 0.3, "everyone": 0.2 - x}
            for x in (0.1, 0.2, 0.3)
        ],
    )  # fmt: skip


def figures(page):
    return {figure.key: figure for figure in page.figures}


def test_the_answer_follows_from_the_comparisons(whole):
    page = study_page(whole)
    assert page.question == "Does it help?"
    assert page.verdict == (
        "Training together (fedavg) is as good as all patients in one place, better than each hospital alone and not "
        "worse than clinical variables alone."
    )
    said = " ".join(page.answer)
    assert "AUC of 0.75 (95 % interval 0.70 to 0.80)" in said
    assert "AUC less that of each hospital alone: +0.050 (95 % interval +0.020 to +0.080)" in said
    assert [measure.interval.value for measure in page.ruler] == [0.75, 0.70, 0.76, 0.74]


def test_what_was_not_shown_is_not_claimed(write):
    few = [estimate("fedavg", "auc", 0.6)]
    vague = comparison("local", 0.05, 0.06, p_holm=0.2, p_not_worse=0.4)
    assert study_page(write(estimates=few, comparisons=[vague])).verdict.endswith(
        "is not shown to be better or worse than each hospital alone."
    )
    worse = comparison("local", -0.05, 0.01)
    assert "is worse than each hospital alone" in study_page(write(comparisons=[worse])).verdict


def test_figures_hold_the_numbers_of_the_tables(whole):
    found = figures(study_page(whole))
    assert set(found) == {"methods", "differences", "roc", "decision", "hospitals", "cross-site", "subgroups"}
    values = {mark.name: mark.x[0] for mark in found["methods"].marks if isinstance(mark, Dots)}
    assert set(values.values()) == set(METHODS.values())
    assert found["differences"].x.rules == (0.0, -0.02, 0.02)
    (heat,) = (mark for mark in found["cross-site"].marks if isinstance(mark, Heat))
    assert heat.values == ((0.7, 0.6), (None, 0.8))
    assert len(found["subgroups"].table.rows) == 2
    assert found["subgroups"].rows == 1


def test_what_is_missing_is_said(write):
    page = study_page(write(estimates=[estimate("fedavg", "auc", 0.6)]))
    said = " ".join(word for section in page.sections for word in section.words)
    assert "ROC curve, calibration or decision curve: not in this study's folder." in said
    assert "not asked for" in said
    assert "Not measured: every run of this study has the same privacy settings." in said
    assert page.verdict == "These patients cannot tell how fedavg compares."
    assert list(figures(page)) == ["methods"]


def test_privacy_against_utility_where_the_study_has_it(write):
    rows = [
        {**estimate("fedavg", "auc", value), "privacy": name}
        for name, value in (("nothing demanded", 0.75), ("tight", 0.68))
    ]
    (dots,) = figures(study_page(write(estimates=rows)))["privacy"].marks
    assert list(dots.x) == [0.75, 0.68]


@pytest.fixture
def course(write):
    about = {**CELL, "method": "fedavg"}
    losses = [("all of them", 0, 0.60), ("north", 0, 0.58), ("all of them", 1, 0.55), ("north", 1, 0.57)]
    probed = {"target": "site", "chance": 0.5, "shuffled_most": 0.61}
    return write(
        estimates=[estimate("fedavg", "auc", 0.6)],
        convergence=[{**about, "site": s, "round": r, "patients": 20, "log_loss": v} for s, r, v in losses],
        left=[
            {**about, "site": site, "kind": kind, "answers": 2, "bytes": size}
            for site in ("north", "south")
            for kind, size in (("statistics", 500), ("train", 40_000))
        ],
        cost=[{**CELL, "method": method, "runs": 4, "cpu_seconds": 8.0} for method in ("fedavg", "local")],
        probes=[
            {**about, **probed, "source": source, "balanced_accuracy": value, "low": value - 0.1, "high": value + 0.1}
            for source, value in (("image embedding", 0.7), ("image embedding", 0.8), ("image brightness", 0.9))
        ],
    )  # fmt: skip


def test_how_the_runs_went_is_told(course):
    page = study_page(course)
    found = figures(page)
    lines = {mark.name: list(mark.y) for mark in found["validation"].marks}
    assert lines == {"all of them": [0.60, 0.55]}, "one hospital alone needs no line of its own"
    assert found["traffic"].table.rows[0][0] == "north"
    said = " ".join(word for section in page.sections for word in section.words)
    assert "81.0 kB left 2 hospitals in a run of fedavg" in said
    (spent,) = next(section for section in page.sections if section.key == "cost").tables
    assert spent.rows == (("fedavg", "4", "2.0 s", "8.0 s"), ("each hospital alone", "4", "2.0 s", "8.0 s"))


def test_probes_stand_beside_chance_and_what_went_in(course):
    found = figures(study_page(course))["probes"]
    reached, chance = found.marks
    assert list(reached.x) == [pytest.approx(0.75), 0.9]
    assert list(chance.x) == [0.5, 0.5]
    assert [row[:2] for row in found.table.rows] == [
        ("sites from the image embedding of fedavg", "2"),
        ("sites from the image brightness", "1"),
    ]
    assert found.x.rules == (), "half is chance for two hospitals only"


def test_a_name_in_a_table_stays_text(write):
    rows = [{**CELL, "trained_at": HOSTILE, "site": HOSTILE, "value": 0.7}]
    page = study_page(write(estimates=[estimate("fedavg", "auc", 0.6)], cross_site=rows))
    text = render(page, {figure.key: b"<svg/>" for figure in page.figures})
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_a_study_that_has_not_ended_or_is_damaged_has_a_code(write, tmp_path):
    with pytest.raises(FedchemoError, match="FC780"):
        study_page(write())
    with pytest.raises(FedchemoError, match="lacks"):
        study_page(write(estimates=[{"method": "fedavg"}]))
    assert tmp_path.exists()
