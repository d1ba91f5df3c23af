"""Which NIfTI files belong together, told by their names and folders; no file is opened.

- plain: ``<patient>/{pre,early,late,lesion}.nii.gz`` and ``<patient>/<visit>/...``, so also a site folder's images
- MAMA-MIA (Garrucho et al., Scientific Data 2025): ``images/<ID>/<id>_0000.nii.gz`` and so on, with masks in
  ``segmentations/{expert,automatic}/<id>.nii.gz``
- BreastDCEDL (Fridman et al., 2025): ``<pid>_spy2_vis1_dce_aqc_<n>.nii.gz`` and ``<pid>_spy2_vis1_mask.nii.gz``

``.nii`` is as good as ``.nii.gz``; capital and small letters are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fedchemo.client.cohort.images import VISITS
from fedchemo.shared.imaging.volume import LESION, PHASES

Layout = Literal["plain", "MAMA-MIA", "BreastDCEDL"]

_SUFFIX = re.compile(r"\.nii(\.gz)?", re.IGNORECASE)
# BreastDCEDL spells acquisition "aqc"; who mends it is understood as well.
_BREASTDCEDL = re.compile(
    r"(?P<patient>.+?)(_spy\d)?(_vis(?P<visit>\d+))?_(dce_(aqc|acq)_(?P<number>\d{1,3})|mask)",
    re.IGNORECASE,
)
# A series has some tens of phases at most: `scan_2019` is none.
_MAMA_MIA = re.compile(r"(?P<patient>.+)_(?P<number>00\d\d)")
_DRAWN_BY = ("expert", "automatic")
# What looks like a visit and is none of ours must not become a patient's name.
_LIKE_A_VISIT = re.compile(r"(t|tp|v|vis|visit|timepoint|session|ses)[ _-]?\d{1,2}", re.IGNORECASE)


@dataclass
class Candidate:
    """Files that may be one patient's examination.

    Attributes:
        layout: by which they were recognised.
        patient: the identifier as the images have it.
        visit: as the images have it: T0 to T3, or a name that is none of these.
        folder: where the phases lie.
        phases: name or number -> file.
        lesion: the mask.
        twice: files that would be a phase which is there already.
    """

    layout: Layout
    patient: str
    visit: str
    folder: Path
    phases: dict[str | int, Path] = field(default_factory=dict)
    lesion: Path | None = None
    twice: list[Path] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the phases, sorted; empty in the plain layout."""
        return sorted(number for number in self.phases if isinstance(number, int))

    def take(self, phase: str | int, path: Path) -> None:
        """Add a phase, or the lesion."""
        if phase == LESION:
            if self.lesion is not None:
                self.twice.append(path)
            self.lesion = self.lesion or path
        elif phase in self.phases:
            self.twice.append(path)
        else:
            self.phases[phase] = path


@dataclass(frozen=True)
class Arranged:
    """Files by examination.

    Attributes:
        candidates: sorted by patient, visit and folder; several may be of one patient and visit.
        strangers: NIfTI files in no known layout.
        masks: masks of patients of whom there is no image.
    """

    candidates: tuple[Candidate, ...]
    strangers: tuple[Path, ...]
    masks: tuple[Path, ...]


def stem(path: Path) -> str | None:
    """Return a NIfTI file's name without ``.nii`` or ``.nii.gz``; None if it is none."""
    for suffix in ("".join(path.suffixes[-2:]), path.suffix):
        if _SUFFIX.fullmatch(suffix):
            return path.name[: -len(suffix)]
    return None


def arrange(files: Iterable[Path]) -> Arranged:
    """Sort files by examination; those that are no NIfTI files are passed over."""
    candidates: dict[tuple[Layout, Path, str, str], Candidate] = {}
    masks: dict[tuple[Layout, str, str], list[Path]] = {}
    strangers = []
    for path in sorted(files):
        name = stem(path)
        if name is None:
            continue
        found = _recognise(path, name)
        if found is None:
            strangers.append(path)
            continue
        layout, patient, visit, phase = found
        if layout != "plain" and phase == LESION:
            masks.setdefault((layout, patient.casefold(), visit), []).append(path)
            continue
        key = (layout, path.parent, patient.casefold(), visit)
        if key not in candidates:
            candidates[key] = Candidate(layout, patient, visit, path.parent)
        candidates[key].take(phase, path)
    ordered = sorted(candidates.values(), key=lambda found: (found.patient, found.visit, str(found.folder)))
    for candidate in ordered:
        if outlined := masks.get((candidate.layout, candidate.patient.casefold(), candidate.visit)):
            candidate.lesion = min(outlined, key=_preference)
    imaged = {(found.layout, found.patient.casefold(), found.visit) for found in ordered}
    lonely = [path for key, paths in masks.items() if key not in imaged for path in paths]
    return Arranged(tuple(ordered), tuple(strangers), tuple(sorted(lonely)))


def _preference(mask: Path) -> tuple[int, str]:
    """Order masks: an expert's first."""
    by = mask.parent.name.casefold()
    return (_DRAWN_BY.index(by) if by in _DRAWN_BY else len(_DRAWN_BY), str(mask))


def _recognise(path: Path, name: str) -> tuple[Layout, str, str, str | int] | None:
    """Return layout, patient, visit and phase of a file."""
    folder = path.parent
    phase = name.casefold()
    if phase in {*PHASES, LESION}:
        if folder.name.upper() in VISITS or _LIKE_A_VISIT.fullmatch(folder.name):
            patient, visit = folder.parent.name, folder.name.upper()
        else:
            patient, visit = folder.name, "T0"
        return ("plain", patient, visit, phase) if patient else None
    if found := _BREASTDCEDL.fullmatch(name):
        number = int(found["visit"] or 1)
        visit = VISITS[number - 1] if 1 <= number <= len(VISITS) else f"VIS{number}"
        return "BreastDCEDL", found["patient"], visit, int(found["number"]) if found["number"] else LESION
    if found := _MAMA_MIA.fullmatch(name):
        # The folder has the identifier in capitals, as the tables do.
        same = folder.name.casefold() == found["patient"].casefold()
        return "MAMA-MIA", folder.name if same else found["patient"], "T0", int(found["number"])
    if folder.name.casefold() in _DRAWN_BY:
        return "MAMA-MIA", name, "T0", LESION
    return None
