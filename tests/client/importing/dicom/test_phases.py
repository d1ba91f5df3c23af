"""Phases are told apart by the clock that can be believed, whatever else the headers say."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.importing.contract import Timing
from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import clock, phases, write_series

TIMES = (0, 90, 180, 270, 360, 450)


def _one(folder, **settings):
    found = find_dicom([folder], **settings)
    assert [problem for problem in found.problems if problem.severity == "error"] == []
    (examination,) = found.examinations
    return examination


def _assert_phases(examination, volumes, *indices):
    scan = examination.read()
    for name, index in zip(("pre", "early", "late"), indices, strict=True):
        np.testing.assert_array_equal(getattr(scan, name), volumes[index], err_msg=name)


def _error(folder):
    found = find_dicom([folder])
    assert not found.examinations
    (problem,) = [problem for problem in found.problems if problem.severity == "error"]
    assert problem.patient == "HOSP-0001"
    return problem


@pytest.mark.parametrize(
    "by", ["ContentTime", "TriggerTime", "AcquisitionTime", "TemporalPositionIdentifier"]
)
def test_one_series_of_all_phases(study, by):
    volumes = phases(6)

    def change(made, order, index):
        if by == "TemporalPositionIdentifier":
            made.AcquisitionTime = clock(36000 + TIMES[order])

    write_series(study, volumes, times=TIMES, by=by, change=change)
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    _assert_phases(examination, volumes, 0, 2, 5)
    assert any(
        by.replace("TemporalPositionIdentifier", "temporal position") in said for said in examination.taken
    )
    assert any("Phase 2, 4, 5" in said for said in examination.left)


def test_content_time_that_spans_under_a_minute_is_when_files_were_written(study):
    def change(made, order, index):
        made.TriggerTime = TIMES[order] * 1000.0
        made.ContentTime = clock(50000 + order * 9)

    volumes = phases(6)
    write_series(study, volumes, times=None, change=change)
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    assert any("TriggerTime" in said for said in examination.taken)


def test_a_temporal_position_that_contradicts_is_not_believed(study):
    def change(made, order, index):
        made.TemporalPositionIdentifier = 1 + index % 2

    volumes = phases(6)
    write_series(study, volumes, times=TIMES, change=change)
    _assert_phases(_one(study.folder), volumes, 0, 2, 5)


def test_content_time_of_each_slice(study):
    def change(made, order, index):
        made.ContentTime = clock(36000 + TIMES[order] + index * 7.5)

    volumes = phases(6)
    write_series(study, volumes, times=TIMES, change=change)
    _assert_phases(_one(study.folder), volumes, 0, 2, 5)


def test_over_midnight(study):
    def change(made, order, index):
        made.ContentTime = clock((86400 - 100 + TIMES[order]) % 86400)

    volumes = phases(6)
    write_series(study, volumes, times=None, change=change)
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    _assert_phases(examination, volumes, 0, 2, 5)


def test_files_in_any_order(study):
    """Neither names nor instance numbers decide."""
    volumes = phases(6)

    def change(made, order, index):
        made.InstanceNumber = (made.InstanceNumber * 17) % 37

    write_series(
        study, volumes, times=TIMES, change=change, names=lambda o, i: f"{(o * 6 + i) * 23 % 37:02d}"
    )
    _assert_phases(_one(study.folder), volumes, 0, 2, 5)


def test_a_series_for_each_phase(study):
    volumes = phases(6)
    for order, volume in enumerate(volumes):
        # Numbered backwards: the times decide.
        write_series(study, [volume], number=20 - order, times=[0], start=36000 + TIMES[order])
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    _assert_phases(examination, volumes, 0, 2, 5)
    assert any("a phase a series" in said for said in examination.taken)


@pytest.mark.parametrize("names", [("DCE pre", "DCE post"), ("Vibrant MultiPhase", "Vibrant MultiPhase")])
def test_pre_and_a_series_of_the_phases_after_it(study, names):
    volumes = phases(6)
    write_series(study, volumes[:1], number=4, times=[0], description=names[0])
    write_series(study, volumes[1:], number=5, times=TIMES[:5], start=36090, description=names[1])
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    _assert_phases(examination, volumes, 0, 2, 5)


def test_pre_and_phases_told_apart_by_trigger_time(study):
    """Each series starts its own trigger: only the acquisition's time puts the two on one clock."""
    volumes = phases(6)
    write_series(study, volumes[:1], number=4, times=[0], by="TriggerTime", description="DCE pre")
    write_series(
        study, volumes[1:], number=5, times=TIMES[:5], by="TriggerTime", start=36090, description="DCE post"
    )
    examination = _one(study.folder)
    assert examination.times_s == (180, 450)
    _assert_phases(examination, volumes, 0, 2, 5)


def test_a_pause_before_the_injection_does_not_count(study):
    """The agent was given five minutes after pre; 150 s are counted from then, times from pre."""
    volumes = phases(6)
    write_series(study, volumes[:1], number=4, times=[0], description="DCE pre")
    write_series(study, volumes[1:], number=5, times=TIMES[:5], start=36000 + 390, description="DCE post")
    examination = _one(study.folder)
    _assert_phases(examination, volumes, 0, 2, 5)
    assert examination.times_s == (480, 750)
    assert any("pause" in said for said in examination.taken)


def test_several_phases_before_the_injection(study):
    volumes = phases(8)

    def change(made, order, index):
        made.ContrastBolusStartTime = clock(36000 + 200)

    write_series(study, volumes, times=(0, 90, 180, 270, 360, 450, 540, 630), change=change)
    examination = _one(study.folder)
    # 150 and 450 s after 200 s: 350 and 650 s.
    _assert_phases(examination, volumes, 2, 4, 7)
    assert examination.times_s == (180, 450)


def test_phases_repeated_by_another_series_are_taken_once(study):
    volumes = phases(3)
    for number in (5, 6):
        for order, volume in enumerate(volumes):
            write_series(study, [volume], number=number * 10 + order, times=[0], start=36000 + 150 * order)
    examination = _one(study.folder)
    _assert_phases(examination, volumes, 0, 1, 2)
    assert any("there twice" in said for said in examination.taken)


def test_three_phases_without_a_time_are_taken_in_order_and_said(study):
    def change(made, order, index):
        del made.ContentTime, made.AcquisitionTime, made.SeriesTime

    volumes = phases(3)
    write_series(study, volumes, times=None, change=change)
    found = find_dicom([study.folder])
    (examination,) = found.examinations
    assert examination.times_s is None
    _assert_phases(examination, volumes, 0, 1, 2)
    assert [problem.code for problem in found.problems] == ["FC129"]


def test_many_phases_without_a_time_are_refused(study):
    write_series(study, phases(6), times=None)
    assert _error(study.folder).code == "FC122"


@pytest.mark.parametrize(
    ("timing", "indices"), [(Timing(90, 270), (0, 1, 3)), (Timing(1000, 2000), (0, 4, 5))]
)
def test_the_times_wanted_decide(study, timing, indices):
    volumes = phases(6)
    write_series(study, volumes, times=TIMES)
    found = find_dicom([study.folder], timing=timing)
    _assert_phases(found.examinations[0], volumes, *indices)
    assert [problem.code for problem in found.problems] == (["FC129"] if timing.early_s > 500 else [])


def test_without_the_phase_before_contrast(study):
    for order, volume in enumerate(phases(5)):
        write_series(
            study, [volume], number=order, times=[0], start=36000 + 90 * order, description="DynaVIEWS Post"
        )
    problem = _error(study.folder)
    assert problem.code == "FC120"
    assert "after contrast" in problem.what


def test_two_phases_are_too_few(study):
    write_series(study, phases(2))
    assert _error(study.folder).code == "FC122"


def test_by_agent_in_the_header(study):
    volumes = phases(5)
    for order, volume in enumerate(volumes):

        def change(made, _order, _index, order=order):
            made.ContrastBolusAgent = "Gadavist" if order >= 2 else ""

        write_series(study, [volume], number=order, times=[0], start=36000 + 150 * order, change=change)
    examination = _one(study.folder)
    _assert_phases(examination, volumes, 1, 2, 4)
    assert any("contrast agent" in said for said in examination.taken)
