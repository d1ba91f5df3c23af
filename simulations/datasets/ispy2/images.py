"""The files of each patient's images, and which of a study's phases are pre, early and late."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedchemo.simulations.datasets.contract import PhaseFiles

EARLY_SECONDS = 150.0
LATE_SECONDS = 450.0
# Without times: the median I-SPY2 study takes its second phase after 132 s and its sixth after 490 s.
_USUAL_LATE = 5
_VOLUME = re.compile(r"ispy2_(\d{6})_(\d{4})\.nii\.gz", re.IGNORECASE)
_MASK = re.compile(r"ispy2_(\d{6})\.nii\.gz", re.IGNORECASE)
_DRAWN_BY = ("expert", "automatic")


def choose_phases(numbers: Sequence[int], times: Sequence[float] | None) -> tuple[int, int, int] | None:
    """Return which files are the pre-contrast, the early and the late phase.

    Three files are these three, whatever the times say: such a folder was thinned after the sheet was made. Of
    more, the phases nearest to 150 s and 450 s after the first, in this order. Without times for three of them,
    0001 and 0005, or the last before it.

    Args:
        numbers: of the files that are there; 0 is the pre-contrast one.
        times: seconds of each phase after the first, by number; a sheet may list fewer than there are files.

    Returns:
        Three numbers, or None if there are fewer or 0 is not among them.
    """
    there = sorted(numbers)
    if len(there) < 3 or there[0] != 0:
        return None
    if len(there) == 3:
        return there[0], there[1], there[2]
    timed = {number: times[number] for number in there if number < len(times)} if times else {}
    if len(timed) < 3:
        usual = [number for number in there if number <= _USUAL_LATE]
        late = usual[-1] if len(usual) >= 3 else there[2]
        return 0, there[1], late
    after = [number for number in timed if number > 0]
    early = min(after[:-1], key=lambda number: abs(timed[number] - EARLY_SECONDS))
    late = min((n for n in after if n > early), key=lambda number: abs(timed[number] - LATE_SECONDS))
    return 0, early, late


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
    folders: dict[str, dict[Path, dict[int, Path]]] = defaultdict(lambda: defaultdict(dict))
    masks: dict[tuple[str, str], Path] = {}
    for path in files:
        if volume := _VOLUME.fullmatch(path.name):
            folders[volume[1]][path.parent][int(volume[2])] = path
        elif mask := _MASK.fullmatch(path.name):
            masks.setdefault((path.parent.name.lower(), mask[1]), path)
    found = {}
    incomplete = []
    for patient, places in sorted(folders.items()):
        # Phases are never mixed from two folders: the fuller one is taken.
        phases = max(places.values(), key=len)
        chosen = choose_phases(list(phases), times.get(patient))
        if chosen is None:
            incomplete.append(patient)
            continue
        lesion = next((masks[by, patient] for by in _DRAWN_BY if (by, patient) in masks), None)
        pre, early, late = (phases[number] for number in chosen)
        found[patient] = PhaseFiles(pre=pre, early=early, late=late, lesion=lesion)
    return found, incomplete
