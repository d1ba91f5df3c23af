"""How patients become virtual hospitals; each patient is in one of them, by construction."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream

By = Literal["site", "vendor", "iid", "dirichlet"]


def partition(clinical: pd.DataFrame, *, by: By, sites: int, alpha: float, seed: int) -> dict[str, list[str]]:
    """Return the patients of each virtual hospital: name -> identifiers, sorted.

    Draws start from sorted identifiers, so the order of rows changes nothing.

    Args:
        clinical: a data set's frame, indexed by patient, with the columns ``pcr``, ``site`` and ``vendor``.
        by: ``site`` (the hospital that treated the patient), ``vendor`` (of the scanner), ``iid`` (at random,
            sites of equal size), or ``dirichlet`` (each class spread over the sites by its own draw from a
            symmetric Dirichlet distribution; Hsu, Qi & Brown 2019, arXiv 1909.06335). Patients whose site or
            vendor is not known are left out; see `unassigned`.
        sites: how many, for ``iid`` and ``dirichlet``; none is empty.
        alpha: concentration, for ``dirichlet``; small is uneven.
        seed: of the draw.

    Raises:
        FedchemoError: FC710 if nobody has the column asked for, there are fewer patients than sites, or
            ``alpha`` is not above 0.
    """
    if by in {"site", "vendor"}:
        return _by_column(clinical, by)
    if not 1 <= sites <= len(clinical):
        raise FedchemoError("FC710", f"{len(clinical)} patients cannot make {sites} sites")
    patients = sorted(str(patient) for patient in clinical.index)
    if by == "iid":
        places = numpy_stream(seed, "partition", by).permutation(np.arange(len(patients)) % sites)
    else:
        if not alpha > 0:
            raise FedchemoError("FC710", f"alpha is {alpha:g}; it must be above 0")
        labels = clinical["pcr"].loc[patients].to_numpy(dtype=np.float64)
        places = _dirichlet(labels, sites=sites, alpha=alpha, seed=seed)
    width = max(2, len(str(sites)))
    names = [f"site-{number:0{width}d}" for number in range(1, sites + 1)]
    assignment: dict[str, list[str]] = {name: [] for name in names}
    for patient, place in zip(patients, places, strict=True):
        assignment[names[place]].append(patient)
    return assignment


def unassigned(clinical: pd.DataFrame, assignment: Mapping[str, Collection[str]]) -> list[str]:
    """Return the patients who are in no virtual hospital, sorted."""
    assigned = {patient for patients in assignment.values() for patient in patients}
    return sorted(str(patient) for patient in clinical.index if patient not in assigned)


def _by_column(clinical: pd.DataFrame, by: str) -> dict[str, list[str]]:
    known = clinical[by].dropna()
    if known.empty:
        raise FedchemoError("FC710", f"no patient of this data set has a {by}")
    # The name becomes a folder's: "GE MEDICAL SYSTEMS" is GE-MEDICAL-SYSTEMS.
    names = known.map(lambda value: re.sub(r"[^A-Za-z0-9._-]+", "-", str(value)).strip("-._"))
    return {str(name): sorted(map(str, group.index)) for name, group in names.groupby(names, sort=True)}


def _dirichlet(
    labels: npt.NDArray[np.float64], *, sites: int, alpha: float, seed: int
) -> npt.NDArray[np.int64]:
    """Return the place of each patient's site; patients without a label are a class of their own."""
    places = np.zeros(len(labels), dtype=np.int64)
    for name, members in (
        ("0", np.flatnonzero(labels == 0)),
        ("1", np.flatnonzero(labels == 1)),
        ("none", np.flatnonzero(np.isnan(labels))),
    ):
        stream = numpy_stream(seed, "partition", "dirichlet", name)
        borders = np.round(np.cumsum(stream.dirichlet(np.full(sites, alpha)))[:-1] * len(members))
        for place, chunk in enumerate(np.split(stream.permutation(members), borders.astype(np.int64))):
            places[chunk] = place
    # A hospital without patients is none: the largest site gives one to each empty site.
    for place in range(sites):
        counts = np.bincount(places, minlength=sites)
        if not counts[place]:
            places[np.flatnonzero(places == counts.argmax())[0]] = place
    return places
