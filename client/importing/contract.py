"""What the readers of images hand over, whatever format the images had.

A reader looks at headers only and returns `Found`; voxels are read one examination at a time, when
`Examination.read` is called, perhaps in another process. Identifiers of the hospital stand in `patient`, `source`,
and in a `Problem`'s ``patient``, ``file`` and ``value`` - and nowhere else: no sentence of `taken`, `left`, ``what`` or
``remedy`` may name one, since those are printed and logged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.cohort.problems import Problem
from fedchemo.shared.configuration import Visit

Progress = Callable[[int, int], None]
"""Told how many files or patients are done, and of how many."""


@dataclass(frozen=True)
class Scan:
    """The volumes of one examination on one grid.

    Attributes:
        pre: before the contrast agent, (x, y, z) along the axes of ``affine``, integers or float32. So are the next
            two.
        early: the phase nearest to the early time wanted.
        late: the phase nearest to the late time wanted.
        affine: 4 x 4, voxel to RAS+ millimetres (the NIfTI convention).
        lesion: True inside the lesion; None if nobody outlined it.
        ftv: True where the hospital's own software found functional tumour volume; None without.
    """

    pre: NDArray[np.generic]
    early: NDArray[np.generic]
    late: NDArray[np.generic]
    affine: NDArray[np.float64]
    lesion: NDArray[np.bool_] | None = None
    ftv: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Scanner:
    """The equipment, as far as it says nothing about a person."""

    manufacturer: str = ""
    model: str = ""
    field_strength_t: float | None = None


@dataclass(frozen=True)
class Examination:
    """One patient's dynamic series of one visit, found and understood, its voxels not yet read.

    Attributes:
        patient: the identifier as the images have it.
        visit: T0 to T3.
        source: the folder or file it lies in.
        key: SHA-256 in hexadecimal over what decides the result: the files (path below the images folder, size,
            time of change) and the reader's settings. Equal key, nothing to do.
        read: returns the voxels; picklable. Raises `FedchemoError` (FC12x, FC2xx) when they cannot be used.
        times_s: seconds after the pre-contrast phase of early and late; None where the headers do not tell.
        date: day of the examination, to be reduced to days since T0; None where unknown.
        scanner: the equipment.
        taken: in sentences, which series and phases were taken, and why.
        left: in sentences, what was left, and why.
    """

    patient: str
    visit: Visit
    source: Path
    key: str
    read: Callable[[], Scan]
    times_s: tuple[float, float] | None = None
    date: dt.date | None = None
    scanner: Scanner = field(default_factory=Scanner)
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a reader found under the folders it was given.

    Attributes:
        examinations: at most one a patient and visit, sorted by both.
        problems: an error sets aside the examination (``patient`` is given); a warning does not.
        exposed: names of DICOM attributes (or NIfTI header fields) that identify a person or may, by the basic
            profile of DICOM PS3.15, found with a value, and in how many files; the values are not kept.
        burned_in: series in whose pixels a name may be written, and why it is thought so, in sentences.
    """

    examinations: tuple[Examination, ...] = ()
    problems: tuple[Problem, ...] = ()
    exposed: dict[str, int] = field(default_factory=dict)
    burned_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timing:
    """Which phases are wanted, in seconds after the contrast agent (pre is the last before it)."""

    early_s: float = 150.0
    late_s: float = 450.0
