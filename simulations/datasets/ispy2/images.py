"""The files of each patient's images, and which of a study's phases are pre, early and late."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedchemo.client.importing.nifti.layouts import Candidate, arrange
from fedchemo.client.importing.nifti.phases import choose
from fedchemo.simulations.datasets.contract import PhaseFiles

_PATIENT = re.compile(r"ispy2_(\d{6})", re.IGNORECASE)


def find_images(
    files: Sequence[Path], times: Mapping[str, Sequence[float] | None]
) -> tuple[dict[str, PhaseFiles], list[str]]:
    """Find the images of MAMA-MIA, ``<ID>/<id>_0000.nii.gz`` and so on, with their masks.

    Args:
        files: every file there is.
        times: patient (six digits) -> seconds of the phases.

    Returns:
        Patient -> files, and the patients whose phases are not complete.
    """
    places: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in arrange(files).candidates:
        if candidate.layout == "MAMA-MIA" and (named := _PATIENT.fullmatch(candidate.patient)):
            places[named[1]].append(candidate)
    found = {}
    incomplete = []
    for patient, candidates in sorted(places.items()):
        # Phases are never mixed from two folders: the fuller one is taken.
        fullest = max(candidates, key=lambda candidate: len(candidate.numbers))
        chosen = choose(fullest.numbers, times.get(patient))
        if chosen is None:
            incomplete.append(patient)
            continue
        pre, early, late = (fullest.phases[number] for number in (chosen.pre, chosen.early, chosen.late))
        found[patient] = PhaseFiles(pre=pre, early=early, late=late, lesion=fullest.lesion)
    return found, incomplete
