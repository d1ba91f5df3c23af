"""A study's predictions, method by method, for each condition under which the grid was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fedchemo.shared.metrics.scores import Vector
from fedchemo.simulations.studies.settings import Study

CLINICAL = "clinical"
"""The logistic model on clinical variables that the first strategy starts from, as a method of its own."""


@dataclass(frozen=True)
class Matrix:
    """One method's predictions, patients sorted.

    Attributes:
        probabilities: (trainings, n); a training is a seed, or a seed at one hospital. NaN where it does not judge
            the patient.
        seeds: (trainings,).
        outcomes: (n,).
        sites: (n,).
        patients: (n,).
    """

    probabilities: Vector
    seeds: tuple[int, ...]
    outcomes: Vector
    sites: np.ndarray[tuple[int], np.dtype[np.object_]]
    patients: pd.Index

    def at(self, patients: pd.Index) -> Matrix:
        """Return the same of some patients."""
        places = self.patients.get_indexer(patients)
        return Matrix(
            self.probabilities[:, places],
            self.seeds,
            self.outcomes[places],
            self.sites[places],
            self.patients[places],
        )

    @property
    def complete(self) -> bool:
        """Whether every training judges every patient."""
        return bool(np.isfinite(self.probabilities).all())

    @property
    def mean(self) -> Vector:
        """The mean prediction over trainings, (n,)."""
        return np.asarray(np.nanmean(self.probabilities, axis=0))

    def beside(self, other: Matrix) -> Matrix:
        """Return this method for the trainings of another, NaN where that one does not judge."""
        rows = [self.seeds.index(seed) if len(self.seeds) > 1 else 0 for seed in other.seeds]
        judged = np.where(np.isfinite(other.probabilities), self.probabilities[rows], np.nan)
        return Matrix(judged, other.seeds, self.outcomes, self.sites, self.patients)


@dataclass(frozen=True)
class Cell:
    """The methods under one condition."""

    variant: str
    partition: str
    privacy: str
    methods: Mapping[str, Matrix]

    @property
    def about(self) -> dict[str, object]:
        """The condition, as the first columns of a table."""
        return {"variant": self.variant, "partition": self.partition, "privacy": self.privacy}


def cells(study: Study, predictions: pd.DataFrame) -> list[Cell]:
    """Return every condition; references, run under the first privacy setting only, stand in all of them."""
    found = []
    for variant in study.variant:
        for where in study.partition:
            here = predictions[
                (predictions["variant"] == variant.name) & (predictions["partition"] == where.label)
            ]
            references = _methods(study, here[here["method"].isin(study.references)])
            for privacy in study.privacy:
                strategies = here[(here["privacy"] == privacy.name) & ~here["method"].isin(study.references)]
                methods = _methods(study, strategies) | references
                found.append(Cell(variant.name, where.label, privacy.name, methods))
    return found


def _methods(study: Study, rows: pd.DataFrame) -> dict[str, Matrix]:
    """Return the methods; ``local`` is each hospital's own model.

    It is judged on its own patients, and under ``leave-one-site-out``, where the hospital in question has no model of
    its own, at every other hospital.
    """
    found = {}
    for method, part in rows.groupby("method", sort=False):
        if method == "local" and study.judged == "leave-one-site-out":
            found["local"] = _matrix(part, "probability", ["seed", "trained_at"])
            continue
        own = part[(part["trained_at"] == "") | (part["trained_at"] == part["site"])]
        found[str(method)] = _matrix(own, "probability", ["seed"])
        if method == study.strategy[0].title:
            # The same with every seed, as nothing in it is drawn.
            found[CLINICAL] = _matrix(own[own["seed"] == study.seeds[0]], "clinical", ["seed"])
    return found


def _matrix(rows: pd.DataFrame, column: str, trainings: list[str]) -> Matrix:
    wide = rows.pivot_table(index="patient", columns=trainings, values=column, sort=True)
    about = rows.drop_duplicates("patient").set_index("patient").loc[wide.index]
    return Matrix(
        wide.to_numpy(dtype=np.float64).T,
        tuple(int(seed) for seed in wide.columns.get_level_values("seed")),
        about["outcome"].to_numpy(dtype=np.float64),
        about["site"].to_numpy(dtype=object),
        wide.index,
    )


def cross_site(predictions: pd.DataFrame) -> dict[tuple[str, str, str, str], Matrix]:
    """Return each hospital's own model at each hospital: variant, partition, trained at, judged at."""
    local = predictions[predictions["trained_at"] != ""]
    return {
        (str(variant), str(where), str(trained_at), str(site)): _matrix(part, "probability", ["seed"])
        for (variant, where, trained_at, site), part in local.groupby(
            ["variant", "partition", "trained_at", "site"]
        )
    }
