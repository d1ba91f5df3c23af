"""What every data set gives: patients, their visits, and the files of their images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class PhaseFiles:
    """The NIfTI files of one visit."""

    pre: Path
    early: Path
    late: Path
    lesion: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set before it is split.

    Attributes:
        name: such as ``ispy2``.
        clinical: a clinical frame (see `fedchemo.shared.clinical.schema`) with the further columns ``site`` and
            ``vendor``.
        visits: long table of MRI measurements with the columns of ``visits.csv``; may be empty.
        images: patient -> visit -> files.
        left_out: patients who are in no virtual hospital -> why.
        notes: what its user should know, a sentence each.
    """

    name: str
    clinical: pd.DataFrame
    visits: pd.DataFrame
    images: Mapping[str, Mapping[str, PhaseFiles]]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()
