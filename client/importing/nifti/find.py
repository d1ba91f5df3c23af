"""Finds examinations in NIfTI files; what cannot be used is said, and the rest goes on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from fedchemo.client.cohort.images import VISITS
from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.contract import Examination, Found, Progress, Scanner, Timing
from fedchemo.client.importing.nifti.companions import Companions, read_companions
from fedchemo.client.importing.nifti.headers import Header, read_header, require_same_grid
from fedchemo.client.importing.nifti.layouts import Candidate, arrange
from fedchemo.client.importing.nifti.phases import Choice, choose
from fedchemo.client.importing.nifti.reading import ReadScan, mask_axes, role_of
from fedchemo.client.importing.nifti.walk import walk
from fedchemo.shared.configuration import Visit
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import LESION, PHASES

# Part of each key: a change of what is read from the same files must change it.
_READER = "nifti 1"
_USUAL = Timing()


def _silent(done: int, total: int) -> None:
    """Take no notice."""


def find_nifti(folders: Sequence[Path], *, timing: Timing = _USUAL, progress: Progress = _silent) -> Found:
    """Find the examinations in folders of NIfTI files (see `layouts`); headers are read, voxels are not.

    Args:
        folders: in which to look, to any depth. Of a folder called ``images`` MAMA-MIA's ``segmentations``,
            ``patient_info_files`` and tables beside it are looked at as well.
        timing: the phases wanted, where there are more than three and their times are known.
        progress: told how many examinations were looked at, and of how many.

    Returns:
        What was found. An error with ``patient`` sets aside an examination: FC201 a phase is missing, FC202 a file is
        damaged, FC203 and FC204 it is no volume of MRI, FC205 its files do not lie on one grid, FC153 it is there
        twice. An error without one: FC002 there is no such folder. Warnings: FC004 a folder may not be read, FC104 a
        table was not understood, FC114 a visit is none of T0 to T3, FC152 files in no known layout, FC204 the
        header does not tell how the patient lay.
    """
    walked = walk(folders)
    arranged = arrange(walked.files)
    companions = read_companions(walked.files) if arranged.candidates else Companions()
    problems = [*walked.problems, *companions.problems]
    problems += _left(arranged.strangers, "of no known layout", "Rename them, if they are images of patients")
    problems += _left(arranged.masks, "that are masks without images", "Add the images")
    groups: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in arranged.candidates:
        groups[candidate.patient.casefold(), candidate.visit].append(candidate)
    examinations = []
    exposed: Counter[str] = Counter()
    for done, candidates in enumerate(groups.values(), 1):
        finding = _Finding(companions, timing, walked.files)
        if examination := finding.examine(candidates):
            examinations.append(examination)
        problems += finding.problems
        exposed.update(finding.exposed)
        progress(done, len(groups))
    return Found(
        examinations=tuple(sorted(examinations, key=lambda found: (found.patient, found.visit))),
        problems=tuple(problems),
        exposed=dict(sorted(exposed.items())),
    )


def _left(files: Sequence[Path], which: str, remedy: str) -> list[Problem]:
    """Return a warning for each folder with files that are left."""
    counts = Counter(path.parent for path in files)
    return [
        warning("FC152", folder, f"holds {count} NIfTI file{'s' * (count > 1)} {which}, left out", remedy)
        for folder, count in sorted(counts.items())
    ]


@dataclass(frozen=True)
class _Complete:
    candidate: Candidate
    choice: Choice | None
    files: tuple[Path, Path, Path]


class _Finding:
    """One patient's visit: its problems and what its headers expose."""

    def __init__(self, companions: Companions, timing: Timing, below: Mapping[Path, str]) -> None:
        self.problems: list[Problem] = []
        self.exposed: list[str] = []
        self._companions = companions
        self._timing = timing
        self._below = below

    def examine(self, candidates: Sequence[Candidate]) -> Examination | None:
        """Return the examination, or None and a problem."""
        first = candidates[0]
        if first.visit not in VISITS:
            self._warn("FC114", first, "is no visit and is ignored", f"Name it {', '.join(VISITS)}")
            return None
        complete = [found for candidate in candidates if (found := self._complete(candidate))]
        if not complete:
            fullest = max(candidates, key=lambda candidate: len(candidate.phases))
            self._refuse("FC201", fullest, _lacking(fullest), "Add them, or leave the patient without image")
            return None
        most = max(len(found.candidate.phases) for found in complete)
        fullest_ones = [found for found in complete if len(found.candidate.phases) == most]
        chosen = fullest_ones[0]
        if len(fullest_ones) > 1 or chosen.candidate.twice:
            what = "holds an examination that is there twice, and nothing tells which one is right"
            self._refuse("FC153", chosen.candidate, what, "Remove the one that is not wanted")
            return None
        try:
            return self._examination(chosen, others=len(candidates) - 1)
        except FedchemoError as wrong:
            self._refuse(wrong.code, chosen.candidate, wrong.what, "Export the image anew")
        except OSError as wrong:
            what = f"could not be read: {wrong.strerror or 'no reason is given'}"
            self._refuse("FC202", chosen.candidate, what, "Export the image anew")
        return None

    def _complete(self, candidate: Candidate) -> _Complete | None:
        if candidate.layout == "plain":
            if any(name not in candidate.phases for name in PHASES):
                return None
            pre, early, late = (candidate.phases[name] for name in PHASES)
            return _Complete(candidate, None, (pre, early, late))
        choice = self._choice(candidate)
        if choice is None:
            return None
        numbers = (choice.pre, choice.early, choice.late)
        pre, early, late = (candidate.phases[number] for number in numbers)
        return _Complete(candidate, choice, (pre, early, late))

    def _choice(self, candidate: Candidate) -> Choice | None:
        numbers = candidate.numbers
        # The tables beside the images are about the first visit.
        if candidate.visit != "T0":
            return choose(numbers, None, self._timing)
        indices = self._companions.indices.get(candidate.patient.casefold(), ())
        if candidate.layout == "BreastDCEDL" and indices and set(indices) <= set(numbers):
            pre, early, late = indices
            why = f"Of {len(numbers)} phases those that BreastDCEDL's table names were taken"
            return Choice(pre, early, late, None, f"{why}: {pre}, {early} and {late}.")
        times = self._companions.times_of(candidate.patient, len(numbers))
        return choose(numbers, times, self._timing)

    def _examination(self, found: _Complete, *, others: int) -> Examination:
        candidate, choice = found.candidate, found.choice
        headers = [read_header(path, role_of(name)) for name, path in zip(PHASES, found.files, strict=True)]
        for name, header in zip(PHASES[1:], headers[1:], strict=True):
            require_same_grid(headers[0], header, role_of(name))
        placeholder = candidate.layout == "BreastDCEDL"
        if placeholder and _without_geometry(headers[0]):
            raise FedchemoError("FC204", "pre phase: the spacing 1 x 1 x 1 mm stands for an unknown one")
        if candidate.lesion is not None:
            headers.append(read_header(candidate.lesion, role_of(LESION)))
            mask_axes(headers[-1], headers[0], placeholder=placeholder)
        if not headers[0].oriented:
            what = "holds images whose headers do not tell how the patient lay; left and right are not sure"
            self._warn("FC204", candidate, what, "Convert them from DICOM anew")
        self.exposed += [f"NIfTI {name}" for header in headers for name in header.texts]
        pre, early, late = found.files
        read = ReadScan(
            pre,
            early,
            late,
            candidate.lesion,
            placeholder=placeholder,
            # After treatment nothing may be left, and that is a finding, not a fault.
            may_be_empty=candidate.visit != "T0",
        )
        times_s = choice.times_s if choice else None
        taken = choice.why if choice else "The files named pre, early and late were taken."
        return Examination(
            patient=candidate.patient,
            visit=cast("Visit", candidate.visit),
            source=candidate.folder,
            key=self._key(read, times_s),
            read=read,
            times_s=times_s,
            scanner=self._companions.scanners.get(candidate.patient.casefold(), Scanner()),
            taken=(f"Layout: {candidate.layout}.", taken, *_mask_taken(candidate)),
            left=tuple(_left_phases(candidate, choice, others)),
        )

    def _key(self, read: ReadScan, times_s: tuple[float, float] | None) -> str:
        files = []
        for path in (read.pre, read.early, read.late, read.lesion):
            if path is not None:
                state = path.stat()
                files.append((self._below[path], state.st_size, state.st_mtime_ns))
        settings = (
            _READER,
            self._timing.early_s,
            self._timing.late_s,
            times_s,
            read.placeholder,
            read.may_be_empty,
        )
        return hashlib.sha256(json.dumps([settings, files]).encode()).hexdigest()

    def _refuse(self, code: str, candidate: Candidate, what: str, remedy: str) -> None:
        self.problems.append(error(code, candidate.folder, what, remedy, patient=candidate.patient))

    def _warn(self, code: str, candidate: Candidate, what: str, remedy: str) -> None:
        self.problems.append(warning(code, candidate.folder, what, remedy, patient=candidate.patient))


def _without_geometry(header: Header) -> bool:
    """Tell whether a header's spacing is a stand-in: one millimetre all over, and slices along the first axis."""
    slices, rows, columns = header.shape
    return bool(np.array_equal(np.abs(header.affine[:3, :3]), np.eye(3))) and slices < rows == columns


def _lacking(candidate: Candidate) -> str:
    if candidate.layout == "plain":
        return f"lacks {', '.join(name for name in PHASES if name not in candidate.phases)}"
    numbers = ", ".join(map(str, candidate.numbers)) or "none"
    return f"lacks phases: 0 and two more are needed, there are {numbers}"


def _mask_taken(candidate: Candidate) -> tuple[str, ...]:
    if candidate.lesion is None:
        return ()
    if candidate.layout == "MAMA-MIA":
        return (f"The lesion mask is the one called {candidate.lesion.parent.name.casefold()}.",)
    return ("There is a lesion mask.",)


def _left_phases(candidate: Candidate, choice: Choice | None, others: int) -> list[str]:
    left = []
    if choice is not None:
        taken = (choice.pre, choice.early, choice.late)
        numbers = [str(number) for number in candidate.numbers if number not in taken]
        if numbers:
            left.append(f"Phases left: {', '.join(numbers)}.")
    if others:
        left.append(f"Left: {others} other folder{'s' * (others > 1)} with fewer phases of the same visit.")
    return left
