"""Two methods on the same patients, each trained with several seeds: their difference, and how much the seeds move it.

Two things make a difference uncertain: other patients would have given another one, and so would other seeds.
Patients are resampled with the mean over seeds computed inside each resample, so the first part is the
variance of that mean; the second is the variance between seeds over their number. The interval holds both,
with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2:110, 1946).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.scores import Labels, Vector
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.delong import auc_estimate, compare_aucs
from fedchemo.simulations.statistics.estimate import Contrast, Estimate
from fedchemo.simulations.statistics.multiplicity import holm
from fedchemo.simulations.statistics.resampling import (
    RESAMPLES,
    Counts,
    Resampling,
    Statistic,
    draws,
    observed,
    percentile,
)


@dataclass(frozen=True)
class PairedDifference:
    """First less second, on the same patients.

    Attributes:
        contrast: over patients and seeds: the one to report.
        patients_only: over patients, these seeds held fixed.
        per_seed: the difference with each seed.
        seed_spread: standard deviation of the difference between seeds; None with one seed, and then the
            interval says nothing about another training of the same models.
    """

    contrast: Contrast
    patients_only: Estimate
    per_seed: tuple[float, ...]
    seed_spread: float | None


def paired_auc(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike, *, sites: npt.ArrayLike | None = None
) -> PairedDifference | None:
    """Return the difference of (mean) AUCs by DeLong; exact, without a bootstrap.

    Args:
        first: probabilities, (seeds, n), or (n,) for a method without chance.
        second: likewise; with as many seeds, seed by seed, or without chance.
        labels: (n,).
        sites: (n,); given, patients of one site may resemble each other.

    Returns:
        None where `compare_aucs` cannot tell.

    Raises:
        FedchemoError: FC801, FC802.
    """
    rows, others = _by_seed(first, second)
    patients = compare_aucs(rows, others, labels, sites=sites)
    if patients is None:
        return None
    singles = [compare_aucs(row, other, labels) for row, other in zip(rows, others, strict=True)]
    per_seed = tuple(single.estimate.value for single in singles if single is not None)
    units = np.size(labels) if math.isinf(patients.freedom) else patients.freedom + 1
    return _with_seeds(patients, per_seed, units=int(units), reach=1.0)


def paired(
    figure: weighted.Figure,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    resampling: Resampling,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    trainings: str = "seeds",
) -> PairedDifference | None:
    """Return the difference of any figure by the bootstrap.

    Args:
        figure: from `fedchemo.simulations.statistics.weighted`, such as ``weighted.brier``.
        first: probabilities, (seeds, n) or (n,). NaN marks a patient who was not a test patient of that seed, and
            then must do so in ``second`` as well.
        second: likewise.
        labels: (n,).
        resampling: over patients or sites.
        generator: a derived stream.
        resamples: how many.
        trainings: what the rows are, for the footnote.

    Returns:
        None if the figure is undefined with a seed, or on more than 5 % of the resamples.

    Raises:
        FedchemoError: FC801, FC802.
    """
    rows, others = _by_seed(first, second)
    outcomes = np.asarray(labels)
    statistic = _differences(figure, rows, others, outcomes)
    per_seed = observed(statistic, resampling.patients)
    found = draws(statistic, resampling, generator=generator, resamples=resamples)
    means = found.mean(axis=1)
    value = float(per_seed.mean())
    interval = percentile(value, means)
    if interval is None:
        return None
    known = means[np.isfinite(means)]
    patients = Contrast.of_error(
        value,
        float(known.std(ddof=1)),
        n=resampling.patients,
        method=f"{resampling.words}, paired",
        freedom=resampling.units - 1,
    )
    rows_of = tuple(float(each) for each in per_seed)
    whole = _with_seeds(patients, rows_of, units=resampling.units, called=trainings)
    by_percentile = Estimate(interval, resampling.patients, f"{resampling.words}, paired, percentiles")
    return PairedDifference(whole.contrast, by_percentile, whole.per_seed, whole.seed_spread)


@dataclass(frozen=True)
class Comparison:
    """One pair among several, with Holm's p over all of them."""

    first: str
    second: str
    difference: PairedDifference
    p_holm: float


def compare_methods(
    methods: Mapping[str, npt.ArrayLike],
    labels: npt.ArrayLike,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    sites: npt.ArrayLike | None = None,
) -> tuple[Comparison, ...]:
    """Compare AUCs of methods pair by pair; pairs that cannot be told apart from chance at all are left out.

    Args:
        methods: name -> probabilities, (seeds, n) or (n,).
        labels: (n,).
        pairs: which to compare, stated before the figures are seen; by default all.
        sites: (n,); given, patients of one site may resemble each other.

    Raises:
        FedchemoError: FC801, FC802.
    """
    asked = list(itertools.combinations(methods, 2)) if pairs is None else list(pairs)
    found = {
        (one, other): difference
        for one, other in asked
        if (difference := paired_auc(methods[one], methods[other], labels, sites=sites)) is not None
    }
    corrected = holm([difference.contrast.p for difference in found.values()])
    return tuple(
        Comparison(one, other, difference, p)
        for ((one, other), difference), p in zip(found.items(), corrected, strict=True)
    )


def mean_auc(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Contrast | None:
    """Return the mean AUC over seeds with its interval over patients and seeds; None below two of a class.

    Its p is of "the AUC is 1/2".
    """
    rows = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    # A constant prediction has an AUC of exactly 1/2 and no variance.
    against = paired_auc(rows, np.full(rows.shape[1], 0.5), labels)
    if against is None:
        return None
    if len(rows) == 1 and (single := auc_estimate(rows[0], labels)) is not None:
        return Contrast(single, against.contrast.error, against.contrast.freedom, against.contrast.p)
    shifted = against.contrast
    return Contrast(
        Contrast.of_error(
            shifted.estimate.value + 0.5,
            shifted.error,
            n=shifted.estimate.n,
            method=shifted.estimate.method.replace(", paired", ""),
            freedom=shifted.freedom,
            least=0.0,
            most=1.0,
        ).estimate,
        shifted.error,
        shifted.freedom,
        shifted.p,
    )


def _by_seed(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Vector, Vector]:
    """Return both as (seeds, n); a method without chance is the same with every seed."""
    rows = np.atleast_2d(np.asarray(first, dtype=np.float64))
    others = np.atleast_2d(np.asarray(second, dtype=np.float64))
    seeds = max(len(rows), len(others))
    if rows.shape[1:] != others.shape[1:] or not {len(rows), len(others)} <= {1, seeds}:
        raise FedchemoError("FC802", f"predictions of {rows.shape} and {others.shape} cannot be paired")
    shape = (seeds, rows.shape[1])
    return np.broadcast_to(rows, shape), np.broadcast_to(others, shape)


def _differences(
    figure: weighted.Figure, rows: Vector, others: Vector, labels: npt.NDArray[np.generic]
) -> Statistic:
    """Return counts to the difference with each seed, (resamples, seeds)."""
    parts: list[tuple[Labels, Statistic, Statistic]] = []
    for row, other in zip(rows, others, strict=True):
        seen = np.isfinite(row)
        if not np.array_equal(seen, np.isfinite(other)):
            raise FedchemoError("FC802", "the two methods do not predict the same patients")
        parts.append((seen, figure(row[seen], labels[seen]), figure(other[seen], labels[seen])))

    def statistic(counts: Counts) -> Vector:
        columns = []
        for seen, one, another in parts:
            of_seed = counts if seen.all() else counts[:, seen]
            columns.append(one(of_seed) - another(of_seed))
        return np.stack(columns, axis=1)

    return statistic


def _with_seeds(
    patients: Contrast,
    per_seed: tuple[float, ...],
    *,
    units: int,
    reach: float = math.inf,
    called: str = "seeds",
) -> PairedDifference:
    """Add the variance between seeds to that over patients."""
    seeds = len(per_seed)
    if seeds < 2:
        return PairedDifference(patients, patients.estimate, per_seed, None)
    spread = float(np.std(per_seed, ddof=1))
    sampling, training = patients.error**2, spread**2 / seeds
    total = sampling + training
    freedom = patients.freedom
    if training > 0:
        freedom = total**2 / (sampling**2 / (units - 1) + training**2 / (seeds - 1))
    contrast = Contrast.of_error(
        patients.estimate.value,
        math.sqrt(total),
        n=patients.estimate.n,
        method=f"{patients.estimate.method}, {seeds} {called}",
        freedom=freedom,
        least=-reach,
        most=reach,
    )
    return PairedDifference(contrast, patients.estimate, per_seed, spread)
