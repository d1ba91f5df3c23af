"""Subgroups: small ones are withheld, and a gap is held against the gap that chance makes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.interval import wilson
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.resampling import BySite
from fedchemo.simulations.statistics.subgroups import (
    age_groups,
    categories,
    gap,
    subgroup_table,
    subtypes,
    tables,
)
from tests.simulations.statistics.drawn import patients


def test_rows_hold_the_figures_of_their_patients():
    drawn = patients(1, n=900, sites=6)
    rows = subgroup_table(drawn.scores, drawn.labels, drawn.sites)
    assert [row.name for row in rows] == sorted(set(drawn.sites))
    assert sum(row.patients for row in rows) == 900
    for row in (row for row in rows if not row.withheld):
        here = drawn.sites == row.name
        area = roc_auc_score(drawn.labels[here], drawn.scores[here])
        assert row.auc.value == pytest.approx(area)
        assert row.observed.interval == wilson(int(drawn.labels[here].sum()), int(here.sum()))
        assert row.predicted == pytest.approx(drawn.scores[here].mean())
        others = roc_auc_score(drawn.labels[~here], drawn.scores[~here])
        assert row.against_others.estimate.value == pytest.approx(area - others)


def test_too_small_groups_are_named_and_withheld():
    drawn = patients(2, n=300)
    positives = np.flatnonzero(drawn.labels)
    groups = np.full(300, "large", dtype=object)
    groups[positives[:4]] = "four with pCR"
    groups[np.flatnonzero(~drawn.labels)[:50]] = "four with pCR"
    small, large = subgroup_table(drawn.scores, drawn.labels, groups)
    assert small.withheld
    assert small.patients == 54
    assert small.positives is small.auc is small.observed is small.predicted is small.in_the_large is None
    assert not large.withheld
    looser = subgroup_table(drawn.scores, drawn.labels, groups, minimum_per_class=4)
    assert not looser[0].withheld


def test_a_gap_that_is_there_is_found_and_one_by_chance_is_not():
    drawn = patients(3, n=900)
    stream = numpy_stream(3, "test", "groups")
    groups = stream.choice(["a", "b", "c"], size=900)
    none = gap(
        weighted.auc, drawn.scores, drawn.labels, groups, generator=numpy_stream(3, "test"), resamples=400
    )
    assert none.p > 0.05
    assert none.estimate.value == pytest.approx(none.by_chance, abs=0.05)
    # The model knows nothing of group c.
    spoilt = np.where(groups == "c", stream.permutation(drawn.scores), drawn.scores)
    found = gap(weighted.auc, spoilt, drawn.labels, groups, generator=numpy_stream(3, "test"), resamples=400)
    assert found.worst == "c"
    assert found.p < 0.01
    assert found.estimate.low > found.by_chance


def test_gap_of_sensitivity_is_equal_opportunity():
    drawn = patients(4, n=600)
    groups = np.where(np.arange(600) % 2, "odd", "even")
    found = gap(
        partial(weighted.sensitivity, threshold=0.3),
        drawn.scores,
        drawn.labels,
        groups,
        generator=numpy_stream(4, "test"),
        resamples=200,
        shuffles=50,
    )
    of_group = [
        recall_score(drawn.labels[groups == name], drawn.scores[groups == name] >= 0.3)
        for name in ("even", "odd")
    ]
    assert found.estimate.value == pytest.approx(abs(of_group[0] - of_group[1]))


def test_p_of_a_gap_is_uniform_where_there_is_none():
    """Sixty studies without a gap: about three may have a p below .05."""
    below = 0
    for seed in range(60):
        drawn = patients(seed, n=150, sites=1)
        groups = np.where(np.arange(150) % 2, "odd", "even")
        found = gap(
            weighted.auc,
            drawn.scores,
            drawn.labels,
            groups,
            generator=numpy_stream(seed, "test", "gap"),
            resamples=20,
            shuffles=99,
        )
        below += found.p <= 0.05
    assert below <= 8


def test_one_group_has_no_gap():
    drawn = patients(5)
    assert (
        gap(weighted.auc, drawn.scores, drawn.labels, ["all"] * 400, generator=numpy_stream(5, "test"))
        is None
    )
    few = np.array(["few"] * 3 + ["many"] * 397)
    assert gap(weighted.auc, drawn.scores, drawn.labels, few, generator=numpy_stream(5, "test")) is None
    three = np.array(["few"] * 3 + ["one", "two"] * 198 + ["one"])
    with pytest.raises(FedchemoError, match="FC802"):
        gap(
            weighted.auc,
            drawn.scores,
            drawn.labels,
            three,
            generator=numpy_stream(5, "test"),
            resampling=BySite(drawn.sites),
        )


def test_names_of_groups():
    assert list(subtypes([1, 1, 0, 0, np.nan], [1, 0, 1, 0, 1])) == [
        "HR+/HER2+",
        "HR+/HER2-",
        "HR-/HER2+",
        "HR-/HER2-",
        "not known",
    ]
    assert list(age_groups([39.9, 40, 59, 60, np.nan])) == [
        "below 40",
        "40 to 49",
        "50 to 59",
        "60 and above",
        "not known",
    ]
    assert list(categories(["pre", None, "", float("nan"), "post"])) == [
        "pre",
        "not known",
        "not known",
        "not known",
        "post",
    ]


def test_several_tables_at_once():
    drawn = patients(6)
    found = tables(
        drawn.scores, drawn.labels, {"site": drawn.sites, "half": np.where(np.arange(400) < 200, "a", "b")}
    )
    assert set(found) == {"site", "half"}
    assert len(found["half"]) == 2
