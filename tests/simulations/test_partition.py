from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import NAME_PATTERN
from fedchemo.simulations.partition import partition, unassigned


def frame(labels, sites=None, vendors=None) -> pd.DataFrame:
    count = len(labels)
    return pd.DataFrame(
        {"pcr": labels, "site": sites or [None] * count, "vendor": vendors or [None] * count},
        index=pd.Index([f"p{number:04d}" for number in range(count)], name="patient_id", dtype=object),
    )


@st.composite
def cohorts(draw):
    count = draw(st.integers(1, 60))
    labels = draw(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=count, max_size=count))
    codes = st.lists(st.sampled_from(["AAI", "AAN", "AAJ", None]), min_size=count, max_size=count)
    clinical = frame(labels, draw(codes), draw(codes))
    return clinical, draw(st.integers(1, count))


@given(
    cohorts(),
    st.sampled_from(["site", "vendor", "iid", "dirichlet"]),
    st.floats(0.001, 1000),
    st.integers(0, 2**62),
)
def test_a_patient_is_in_one_site_and_no_site_is_empty(cohort, by, alpha, seed):
    clinical, sites = cohort
    if by in {"site", "vendor"} and clinical[by].isna().all():
        with pytest.raises(FedchemoError, match="FC710"):
            partition(clinical, by=by, sites=sites, alpha=alpha, seed=seed)
        return
    assignment = partition(clinical, by=by, sites=sites, alpha=alpha, seed=seed)
    everyone = [patient for patients in assignment.values() for patient in patients]
    assert len(everyone) == len(set(everyone))
    assert set(everyone) | set(unassigned(clinical, assignment)) == set(clinical.index)
    assert all(patients == sorted(patients) and patients for patients in assignment.values())
    assert all(re.fullmatch(NAME_PATTERN, name) for name in assignment)
    if by in {"iid", "dirichlet"}:
        assert len(assignment) == sites
        assert not unassigned(clinical, assignment)


@given(cohorts(), st.sampled_from(["iid", "dirichlet"]), st.integers(0, 99), st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(cohort, by, seed, order):
    clinical, sites = cohort
    shuffled = clinical.sample(frac=1, random_state=order)
    options = {"by": by, "sites": sites, "alpha": 0.5, "seed": seed}
    assert partition(shuffled, **options) == partition(clinical, **options)


def test_real_hospitals_keep_their_codes_and_patients_without_one_are_listed():
    clinical = frame([0.0, 1.0, 0.0, 1.0], ["AAN", None, "AAI", "AAN"])
    assignment = partition(clinical, by="site", sites=9, alpha=1, seed=0)
    assert assignment == {"AAI": ["p0002"], "AAN": ["p0000", "p0003"]}
    assert unassigned(clinical, assignment) == ["p0001"]


def test_a_vendor_becomes_a_name_that_a_folder_can_have():
    clinical = frame([0.0, 1.0], vendors=["GE MEDICAL SYSTEMS", "Philips "])
    assert set(partition(clinical, by="vendor", sites=1, alpha=1, seed=0)) == {
        "GE-MEDICAL-SYSTEMS",
        "Philips",
    }


def test_iid_sites_are_of_equal_size_and_mixed():
    clinical = frame([0.0] * 300 + [1.0] * 101)
    assignment = partition(clinical, by="iid", sites=4, alpha=1, seed=0)
    assert sorted(map(len, assignment.values())) == [100, 100, 100, 101]
    rates = [clinical["pcr"].loc[patients].mean() for patients in assignment.values()]
    assert max(rates) - min(rates) < 0.15
    assert assignment != partition(clinical, by="iid", sites=4, alpha=1, seed=1)


def spread(alpha: float) -> float:
    """Return the standard deviation of pCR rates over sites, mean over seeds."""
    clinical = frame([0.0] * 400 + [1.0] * 400)
    found = []
    for seed in range(10):
        assignment = partition(clinical, by="dirichlet", sites=5, alpha=alpha, seed=seed)
        found.append(np.std([clinical["pcr"].loc[patients].mean() for patients in assignment.values()]))
    return float(np.mean(found))


def test_a_small_alpha_skews_labels_and_a_large_one_does_not():
    assert spread(0.1) > 0.25
    assert spread(10_000) < 0.02


@pytest.mark.parametrize("by", ["iid", "dirichlet"])
def test_more_sites_than_patients_are_refused(by):
    for sites in (0, 3):
        with pytest.raises(FedchemoError, match="FC710"):
            partition(frame([0.0, 1.0]), by=by, sites=sites, alpha=1, seed=0)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_an_alpha_that_is_none_is_refused(alpha):
    with pytest.raises(FedchemoError, match="FC710"):
        partition(frame([0.0, 1.0]), by="dirichlet", sites=2, alpha=alpha, seed=0)
