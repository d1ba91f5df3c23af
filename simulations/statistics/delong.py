"""AUCs of several models on the same patients: covariance, paired test, several seeds, patients within sites.

A patient's *placement* is the share of the other class that it beats (with pCR) or is beaten by (without),
ties counting half. The AUC is the mean placement, and the covariance of AUCs follows from that of placements
(DeLong, DeLong & Clarke-Pearson, Biometrics 44:837, 1988), which midranks give in O(n log n) (Sun & Xu, IEEE
Signal Processing Letters 21:1389, 2014). The mean of AUCs over seeds has the mean placement, so a method that
was trained with several seeds is compared without a bootstrap. Where patients of one site resemble each other,
the placements are added up by site first (Obuchowski, Biometrics 53:567, 1997).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, rankdata

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.scores import Labels, Vector, checked
from fedchemo.simulations.statistics.estimate import Contrast, Estimate


def auc_estimate(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Estimate | None:
    """Return the AUC with DeLong's interval (Newcombe's where DeLong's does not exist); None without a class.

    Raises:
        FedchemoError: FC801, FC802 as `fedchemo.shared.metrics.scores.checked`.
    """
    return Estimate.of(auc(probabilities, labels), n=np.size(labels), method="DeLong")


def delong(models: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Vector, Vector] | None:
    """Return AUCs (k,) and their covariance (k, k) on the same patients.

    Args:
        models: probabilities, (k, n) or (n,) for one model.
        labels: (n,), 1 is pCR.

    Returns:
        None with fewer than two patients of a class.

    Raises:
        FedchemoError: FC801, FC802.
    """
    rows, outcomes = checked_rows(models, labels)
    if not comparable(outcomes):
        return None
    values = placements(rows, outcomes)
    covariance = np.zeros((len(rows), len(rows)))
    for members in (outcomes, ~outcomes):
        covariance += np.atleast_2d(np.cov(values[:, members], ddof=1)) / members.sum()
    return values[:, outcomes].mean(axis=1), covariance


def compare_aucs(
    first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike, *, sites: npt.ArrayLike | None = None
) -> Contrast | None:
    """Return AUC(first) - AUC(second) on the same patients, with interval and test.

    Args:
        first: probabilities, (n,) or (seeds, n); of several seeds the mean AUC counts.
        second: likewise; the number of seeds may differ.
        labels: (n,).
        sites: (n,) names; given, patients of one site may resemble each other, and Student's t with one degree
            of freedom less than sites replaces the normal distribution.

    Returns:
        None with fewer than two patients of a class, or fewer than two sites that hold one of each class.

    Raises:
        FedchemoError: FC801, FC802.
    """
    rows, outcomes = checked_rows(first, labels)
    others, _ = checked_rows(second, labels)
    if not comparable(outcomes):
        return None
    difference = placements(rows, outcomes).mean(axis=0) - placements(others, outcomes).mean(axis=0)
    value = float(difference[outcomes].mean())
    if sites is None:
        return Contrast.of_error(
            value,
            math.sqrt(_variance(difference, outcomes)),
            n=len(outcomes),
            method="DeLong, paired",
            least=-1,
            most=1,
        )
    clustered = _clustered(difference, outcomes, np.asarray(sites))
    if clustered is None:
        return None
    variance, freedom = clustered
    return Contrast.of_error(
        value,
        math.sqrt(variance),
        n=len(outcomes),
        method=f"DeLong, paired, clustered by site (Obuchowski, {freedom + 1} sites)",
        freedom=freedom,
        least=-1,
        most=1,
    )


def clustered_auc(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, sites: npt.ArrayLike
) -> Estimate | None:
    """Return the AUC with an interval that allows patients of one site to resemble each other.

    Returns:
        None with fewer than two patients of a class, or fewer than two sites that hold one of each class.
    """
    rows, outcomes = checked_rows(probabilities, labels)
    if not comparable(outcomes):
        return None
    values = placements(rows, outcomes).mean(axis=0)
    clustered = _clustered(values, outcomes, np.asarray(sites))
    if clustered is None:
        return None
    variance, freedom = clustered
    return Contrast.of_error(
        float(values[outcomes].mean()),
        math.sqrt(variance),
        n=len(outcomes),
        method=f"clustered by site (Obuchowski, {freedom + 1} sites)",
        freedom=freedom,
        least=0,
        most=1,
    ).estimate


def all_equal(models: npt.ArrayLike, labels: npt.ArrayLike) -> float | None:
    """Return DeLong's p of "all k AUCs are equal" (chi-square); None where it cannot be told."""
    found = delong(models, labels)
    if found is None or len(found[0]) < 2:
        return None
    values, covariance = found
    contrasts = np.eye(len(values))[:-1] - np.eye(len(values))[1:]
    gaps, spread = contrasts @ values, contrasts @ covariance @ contrasts.T
    rank = int(np.linalg.matrix_rank(spread))
    if rank == 0:
        return 1.0 if np.allclose(gaps, 0) else 0.0
    return float(chi2.sf(gaps @ np.linalg.pinv(spread) @ gaps, rank))


def correlation_of_aucs(first: npt.ArrayLike, second: npt.ArrayLike, labels: npt.ArrayLike) -> float | None:
    """Return how strongly two AUCs err together on the same patients: what makes a paired comparison sharp."""
    found = delong(np.stack([np.asarray(first), np.asarray(second)]), labels)
    if found is None:
        return None
    _, covariance = found
    product = covariance[0, 0] * covariance[1, 1]
    return float(covariance[0, 1] / math.sqrt(product)) if product > 0 else None


def checked_rows(models: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Vector, Labels]:
    """Return probabilities as (rows, n) and outcomes (n,).

    Raises:
        FedchemoError: FC801, FC802.
    """
    rows = np.atleast_2d(np.asarray(models, dtype=np.float64))
    if rows.ndim != 2:
        raise FedchemoError("FC802", f"predictions have {rows.ndim} dimensions, not seeds and patients")
    pairs = [checked(row, labels) for row in rows]
    return np.stack([scores for scores, _ in pairs]), pairs[0][1]


def comparable(outcomes: Labels) -> bool:
    """Tell whether both classes have the two patients that a variance needs."""
    return bool(min(outcomes.sum(), (~outcomes).sum()) >= 2)


def placements(rows: Vector, outcomes: Labels) -> Vector:
    """Return each patient's placement for each row of scores, (rows, n); higher is better in both classes."""
    m, n = int(outcomes.sum()), int((~outcomes).sum())
    ranks = rankdata(rows, axis=1)
    found = np.empty_like(rows)
    found[:, outcomes] = (ranks[:, outcomes] - rankdata(rows[:, outcomes], axis=1)) / n
    found[:, ~outcomes] = 1 - (ranks[:, ~outcomes] - rankdata(rows[:, ~outcomes], axis=1)) / m
    return found


def _variance(values: Vector, outcomes: Labels) -> float:
    return float(sum(values[each].var(ddof=1) / each.sum() for each in (outcomes, ~outcomes)))


def _clustered(values: Vector, outcomes: Labels, sites: npt.NDArray[np.generic]) -> tuple[float, int] | None:
    """Return Obuchowski's variance of the mean placement and the sites less one."""
    if sites.shape != outcomes.shape:
        raise FedchemoError("FC802", f"{sites.size} sites for {outcomes.size} outcomes")
    names, codes = np.unique(sites, return_inverse=True)
    holding, sums = [], []
    for members in (outcomes, ~outcomes):
        centred = values[members] - values[members].mean()
        sums.append(np.bincount(codes[members], weights=centred, minlength=len(names)) / members.sum())
        holding.append(len(np.unique(codes[members])))
    if min(holding) < 2:
        return None
    variance = (
        holding[0] / (holding[0] - 1) * sums[0] @ sums[0]
        + holding[1] / (holding[1] - 1) * sums[1] @ sums[1]
        + 2 * len(names) / (len(names) - 1) * sums[0] @ sums[1]
    )
    # The third term can be negative: rounding, or very few sites, may leave a hair below 0.
    return max(0.0, float(variance)), len(names) - 1
