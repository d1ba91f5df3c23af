"""Finds the dynamic examinations among DICOM files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, warning
from fedchemo.client.importing.contract import Examination, Found, Progress, Timing
from fedchemo.client.importing.dicom.header import Fault, Header
from fedchemo.client.importing.dicom.patients import examine
from fedchemo.client.importing.dicom.shelf import Shelf
from fedchemo.client.importing.dicom.sweep import sweep
from fedchemo.client.importing.dicom.visits import VISIT_PATTERN
from fedchemo.client.importing.dicom.walk import count, places

_USUAL = Timing()


def _silent(done: int, total: int) -> None:
    """Take no notice."""


def find_dicom(
    folders: Sequence[Path],
    *,
    timing: Timing = _USUAL,
    progress: Progress = _silent,
    visit_pattern: str = VISIT_PATTERN,
) -> Found:
    """Find the examinations in DICOM files that lie in any arrangement under folders; no voxel is read.

    Files are known by what stands in them, not by their names: TCIA's layouts, a flat folder and an export of a PACS
    with DICOMDIR give the same. Headers are kept on disk until their patient's turn comes, so memory does not grow with
    the number of files.

    Args:
        folders: in which to look, to any depth.
        timing: the phases wanted.
        progress: told how many files were looked at, and of how many.
        visit_pattern: a regular expression whose group that matches in the study description is the visit's digit.

    Returns:
        What was found. An error with ``patient`` sets aside an examination: FC120 no dynamic series, FC122 its phases
        cannot be told, FC123 slices are missing, twice or out of place, FC124 its geometry is unusable, FC125 its
        visit cannot be told, FC126 it stands under two patients, FC203 and FC204 it is no volume of MRI. An error
        without one: FC002 there is no such folder, FC126 images without a patient's identifier. Warnings: FC004 a
        folder may not be read, FC120 a study holds something else, FC121 a file cannot be used, FC123 a file is there
        twice or a better series cannot be used, FC125 a visit was told by dates or is claimed twice, FC126 a folder
        holds several patients, FC129 a phase lies far from the time wanted or has none.
    """
    problems: list[Problem] = []
    examinations: list[Examination] = []
    exposed: Counter[str] = Counter()
    burned_in: list[str] = []
    total = count(folders)
    with Shelf() as shelf:
        done = 0
        progress(0, total)
        for batch in sweep(places(folders, problems), total):
            headers = [one for one in batch.read if isinstance(one, Header)]
            shelf.add(headers)
            for header in headers:
                exposed.update(header.exposed)
            problems += [_fault(one) for one in batch.read if isinstance(one, Fault) and one.loud]
            done += batch.files
            progress(min(done, total), total)
        contested = shelf.contested()
        for folder, patients in shelf.shared_folders():
            what = f"holds images of {patients} patients; they were told apart by their headers"
            problems.append(warning("FC126", folder, what, "Check that none was filed under a wrong name"))
        for patient in shelf.patients():
            found = examine(
                patient, shelf.headers(patient), timing, contested=contested, pattern=visit_pattern
            )
            examinations += found.examinations
            problems += found.problems
            burned_in += found.burned_in
    return Found(
        examinations=tuple(sorted(examinations, key=lambda one: (one.patient, one.visit))),
        problems=tuple(problems),
        exposed=dict(sorted(exposed.items())),
        burned_in=tuple(burned_in),
    )


def _fault(fault: Fault) -> Problem:
    remedy = "Export or copy it anew, if it is an image"
    return warning("FC121", fault.path, fault.what, remedy, patient=fault.patient)
