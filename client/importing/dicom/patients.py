"""One patient's headers made into examinations, with everything that is wrong."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.contract import Examination, Timing
from fedchemo.client.importing.dicom.bilateral import spans_both_breasts
from fedchemo.client.importing.dicom.elements import day_of
from fedchemo.client.importing.dicom.equipment import scanner_of
from fedchemo.client.importing.dicom.geometry import affine
from fedchemo.client.importing.dicom.header import Header
from fedchemo.client.importing.dicom.masks import Mask, masks
from fedchemo.client.importing.dicom.phases import Phase
from fedchemo.client.importing.dicom.pixels import Planes
from fedchemo.client.importing.dicom.reading import ReadDicom
from fedchemo.client.importing.dicom.studies import Study, judge
from fedchemo.client.importing.dicom.visits import VISIT_PATTERN, Assigned, Dated, assign
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import require_geometry, require_volume

# Part of each key: a change of what is read from the same files must change it.
_READER = "dicom 1"
_MEND = "Export the study anew, or leave the patient without this visit"


@dataclass
class Patient:
    """What one patient comes to."""

    examinations: list[Examination] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    burned_in: list[str] = field(default_factory=list)


def examine(
    patient: str,
    headers: Iterable[Header],
    timing: Timing,
    *,
    contested: Collection[str] = (),
    pattern: str = VISIT_PATTERN,
) -> Patient:
    """Return a patient's examinations and problems.

    Args:
        patient: the identifier.
        headers: of all the patient's files, sorted by study.
        timing: the phases wanted.
        contested: identities of studies, series and images that stand under another patient as well.
        pattern: see `assign`.
    """
    result = Patient()
    studies: list[Study] = []
    for uid, group in itertools.groupby(headers, key=lambda header: header.study):
        known = list(group)
        place = _folder(known)
        if not patient:
            what = f"holds {len(known)} images of a study without a patient's identifier"
            result.problems.append(error("FC126", place, what, "Export them with PatientID"))
            continue
        if uid in contested or any(one.series in contested or one.instance in contested for one in known):
            what = "holds a study whose images stand under another patient as well; it was left"
            result.problems.append(error("FC126", place, what, "Ask who exported them", patient=patient))
            continue
        studies.append(judge(known, timing))
        result.burned_in += _burned_in(studies[-1])
        result.problems += _warnings(studies[-1], patient)
    dynamic = [study for study in studies if study.dynamic]
    visits, found = assign([_dated(study) for study in dynamic], patient, pattern)
    result.problems += found
    for study in studies:
        assigned = visits.get(study.headers[0].study)
        if study.failure is not None:
            served = assigned is None and bool(visits)
            result.problems.append(
                _refused(study, patient, harmless=served or (not study.dynamic and bool(dynamic)))
            )
        elif assigned is not None:
            _add(result, study, assigned, patient, timing)
    return result


def _add(result: Patient, study: Study, assigned: Assigned, patient: str, timing: Timing) -> None:
    try:
        examination = _examination(study, assigned, patient, timing)
    except FedchemoError as wrong:
        result.problems.append(error(wrong.code, _folder(study.headers), wrong.what, _MEND, patient=patient))
        return
    result.examinations.append(examination)
    assert study.choice is not None
    if study.choice.far:
        remedy = "Check that the protocol is the one meant, or ask for other times"
        result.problems.append(
            warning("FC129", examination.source, study.choice.far, remedy, patient=patient)
        )
    if study.choice.times_s is None:
        what = "has three phases whose times are unknown; they were taken in their order"
        remedy = "Check that they are some 150 and 450 s after contrast"
        result.problems.append(warning("FC129", examination.source, what, remedy, patient=patient))
    if study.passed_over:
        what = (
            f"holds a series that would have been preferred, but {study.passed_over.what}; another was taken"
        )
        result.problems.append(
            warning(study.passed_over.code, examination.source, what, "Export it anew", patient=patient)
        )


def _examination(study: Study, assigned: Assigned, patient: str, timing: Timing) -> Examination:
    assert study.source is not None
    assert study.choice is not None
    pre, early, late = study.choice.phases
    grid = affine([image.frame for image in pre.images], pre.stack.plane)
    if grid is None:
        raise FedchemoError("FC124", "the slices of the volume lie beside one another (a sheared volume)")
    shape = (pre.stack.columns, pre.stack.rows, len(pre.images))
    require_volume("the dynamic series", shape, np.dtype(np.int16))
    require_geometry("the dynamic series", grid)
    found = masks(study.series, study.source, study.source.levels)
    both = spans_both_breasts(shape, grid)
    used = {image.header.path: image.header for phase in study.choice.phases for image in phase.images}
    for mask in (found.lesion, found.ftv):
        if mask is not None:
            used[mask.header.path] = mask.header
    folder = Path(_common(used))
    read = ReadDicom(
        _planes(pre, folder),
        _planes(early, folder),
        _planes(late, folder),
        tuple(float(number) for number in grid.ravel()),
        _mask(found.lesion),
        _mask(found.ftv),
        both_breasts=both,
    )
    taken = [assigned.why, *study.taken, *found.taken]
    if both:
        width = f"The volume is {abs(grid[0, :3]) @ (np.array(shape) - 1):.0f} mm wide and shows both breasts"
        side = (
            "of the lesion" if found.lesion or found.ftv else "that enhances most in front of the breastbone"
        )
        taken.append(f"{width}; it is cut to the side {side}.")
    left = [
        sentence for uid, sentence in study.left_series.items() if uid not in found.used | set(found.left)
    ]
    return Examination(
        patient=patient,
        visit=assigned.visit,
        source=folder,
        key=_key(used.values(), read, timing),
        read=read,
        times_s=study.choice.times_s,
        date=day_of(study.headers[0].study_date),
        scanner=scanner_of([image.header for image in pre.images]),
        taken=tuple(taken),
        left=(*study.left, *left, *found.left.values()),
    )


def _planes(phase: Phase, folder: Path) -> Planes:
    files = [Path(image.header.path) for image in phase.images]
    return Planes.of(folder, files, [image.frame.index for image in phase.images])


def _mask(mask: Mask | None) -> tuple[str, tuple[int, ...]] | None:
    return None if mask is None else (mask.header.path, mask.slices or mask.segments)


def _key(headers: Iterable[Header], read: ReadDicom, timing: Timing) -> str:
    files = sorted((header.relative, header.size, header.changed) for header in headers)
    # Paths differ where the folder is mounted elsewhere, so the files count, and which planes of them in which order.
    order = [[planes.names, planes.frames] for planes in (read.pre, read.early, read.late)]
    chosen = [order, read.affine, read.lesion and read.lesion[1], read.ftv and read.ftv[1], read.both_breasts]
    settings = [_READER, timing.early_s, timing.late_s]
    return hashlib.sha256(json.dumps([settings, files, chosen]).encode()).hexdigest()


def _dated(study: Study) -> Dated:
    first = study.headers[0]
    point = next((header.time_point for header in study.headers if header.time_point), "")
    described = next((header.study_description for header in study.headers if header.study_description), "")
    return Dated(
        first.study,
        described,
        point,
        day_of(first.study_date),
        _folder(study.headers),
        study.choice is not None,
    )


def _refused(study: Study, patient: str, *, harmless: bool) -> Problem:
    """Return why a study was left: a warning for a mammogram beside MR, or for an attempt that was repeated."""
    assert study.failure is not None
    place = _folder(study.headers)
    if harmless:
        what = f"holds a study that was left: {study.failure.what}"
        return warning(study.failure.code, place, what, "Nothing, if another was meant", patient=patient)
    return error(study.failure.code, place, study.failure.what, _MEND, patient=patient)


def _warnings(study: Study, patient: str) -> list[Problem]:
    found = [
        warning(
            "FC121", one.path, "is cut off: its pixels end early", "Export or copy it anew", patient=patient
        )
        for one in study.headers
        if one.short
    ]
    for series in study.series:
        if series.twice:
            what = f"has {series.twice} of the files of {series.name} twice; each was taken once"
            found.append(
                warning(
                    "FC123", _folder(series.headers), what, "Nothing, if they are copies", patient=patient
                )
            )
    return found


def _burned_in(study: Study) -> list[str]:
    sentences = []
    for series in study.series:
        why = next((header.burned_in for header in series.headers if header.burned_in), "")
        if why:
            sentences.append(f"{series.name[:1].upper()}{series.name[1:]}: {why}.")
    return sentences


def _folder(headers: Collection[Header]) -> str:
    return _common([header.path for header in headers])


def _common(paths: Collection[str]) -> str:
    """Return the deepest folder that holds all files."""
    return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
