"""A study's visit is told by its description, else by the order of dates, and how is said."""

from __future__ import annotations

import pytest

from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import Study, phases, write_series


def _write(folder, *studies):
    for order, (description, date) in enumerate(studies):
        study = Study(folder / str(order), description=description, date=date, name=str(order))
        write_series(study, phases(seed=order))
    return find_dicom([folder])


@pytest.mark.parametrize(
    ("description", "visit"),
    [
        ("ISPY2_MRI_T0", "T0"),
        ("ISPY2_MRI_T3", "T3"),
        ("ACRIN-6698_ISPY2_MRI_T2", "T2"),
        ("MRI breast visit 1", "T1"),
        ("timepoint T2", "T2"),
        ("T1", "T1"),
        ("Mamma MRT T0", "T0"),
        # Ways of weighting an image are no visits.
        ("MRI BREAST T1 T2", "T0"),
        ("MR MAMMA T2 3T", "T0"),
        ("", "T0"),
    ],
)
def test_one_study(tmp_path, description, visit):
    (examination,) = _write(tmp_path, (description, "20200305")).examinations
    assert examination.visit == visit
    by = "description" if visit in description or "visit" in description else "only study"
    assert by in examination.taken[0]


def test_by_the_order_of_dates(tmp_path):
    found = _write(tmp_path, ("MR BREAST", "20200901"), ("MR BREAST", "20200305"), ("MR MAMMA", "20200401"))
    assert [(str(one.date), one.visit) for one in found.examinations] == [
        ("2020-03-05", "T0"),
        ("2020-04-01", "T1"),
        ("2020-09-01", "T2"),
    ]
    assert "order of the dates" in found.examinations[1].taken[0]
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("FC125", "warning")


@pytest.mark.parametrize(
    "dates",
    [
        ("", "20200101"),
        ("20200101", "20200101"),
        ("20190101", "20190201", "20190301", "20190401", "20190501"),
    ],
)
def test_when_dates_do_not_tell(tmp_path, dates):
    found = _write(tmp_path, *(("MR BREAST", date) for date in dates))
    assert not found.examinations
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.patient) == ("FC125", "error", "HOSP-0001")


def test_a_study_without_a_visit_among_others_with_one_is_set_aside(tmp_path):
    found = _write(tmp_path, ("ISPY2_MRI_T0", "20200101"), ("MR BREAST", "20200201"))
    assert [one.visit for one in found.examinations] == ["T0"]
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC125", "error")]


def test_the_last_of_two_that_claim_a_visit(tmp_path):
    found = _write(tmp_path, ("ISPY2_MRI_T0", "20200101"), ("ISPY2_MRI_T0", "20200105"))
    assert [str(one.date) for one in found.examinations] == ["2020-01-05"]
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC125", "warning")]


def test_two_of_one_day_that_claim_a_visit(tmp_path):
    found = _write(tmp_path, ("ISPY2_MRI_T0", "20200101"), ("ISPY2_MRI_T0", "20200101"))
    assert not found.examinations
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC125", "error")]


def test_a_broken_repeat_does_not_displace_the_whole_one(tmp_path):
    write_series(Study(tmp_path / "a", date="20200101", name="a"), phases())
    write_series(Study(tmp_path / "b", date="20200105", name="b"), phases(2))
    found = find_dicom([tmp_path])
    assert [str(one.date) for one in found.examinations] == ["2020-01-01"]


def test_the_trial_s_own_time_point(tmp_path):
    study = Study(tmp_path, description="MR BREAST", extra={"ClinicalTrialTimePointID": "T2"})
    write_series(study, phases())
    assert find_dicom([tmp_path]).examinations[0].visit == "T2"


def test_a_pattern_of_the_hospital(tmp_path):
    write_series(Study(tmp_path, description="Mamma Zyklus 3 Kontrolle"), phases())
    found = find_dicom([tmp_path], visit_pattern=r"Zyklus (\d)")
    assert found.examinations[0].visit == "T3"
