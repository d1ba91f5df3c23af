"""Calibration: do patients given a probability of 30 % reach pCR in 30 %?

Slope, intercept and calibration in the large are those of `fedchemo.shared.metrics.calibration`. The smooth
curve is a logistic regression on a restricted cubic spline of the predicted log-odds (Van Calster et al.,
Journal of Clinical Epidemiology 74:167, 2016), with pointwise bands from its covariance. All of it also takes
grouped patients, so summed histograms give the same curve as pooled predictions, as finely as the bins are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics import calibration as formulas
from fedchemo.shared.metrics.interval import Z
from fedchemo.shared.metrics.logit import binomial_sums, logits_of, minimise, probabilities_of
from fedchemo.shared.metrics.loss import brier
from fedchemo.shared.metrics.scores import Vector, checked
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.resampling import RESAMPLES, ByPatient, Resampling, bootstrap

# Harrell, Regression Modeling Strategies, 2nd ed., table 2.3: places of 3, 4 and 5 knots among the scores.
KNOTS = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
POINTS = 101


@dataclass(frozen=True, slots=True)
class BrierParts:
    """The Brier score taken apart: brier = reliability - resolution + uncertainty + within.

    Attributes:
        brier: the score.
        reliability: mean squared distance of prediction and share of pCR, over bins; 0 is perfect.
        resolution: mean squared distance of the bins' shares from the overall one; more is better.
        uncertainty: of the outcome itself.
        within: what remains because scores within a bin differ (Stephenson et al., Weather and Forecasting
            23:752, 2008); its size tells how far the bins can be trusted.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


@dataclass(frozen=True)
class Calibration:
    """All about calibration in figures; each None where the patients cannot tell."""

    slope: Estimate | None
    intercept: Estimate | None
    in_the_large: Estimate | None
    brier: Estimate | None
    brier_parts: BrierParts | None
    expected_error: Estimate | None


@dataclass(frozen=True, eq=False)
class SmoothCurve:
    """Observed share of pCR against predicted probability, all (points,), with 95 % bands."""

    predicted: Vector
    observed: Vector
    low: Vector
    high: Vector
    knots: int


def calibration(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
) -> Calibration:
    """Return every figure of calibration.

    Args:
        probabilities: (n,).
        labels: (n,).
        generator: a derived stream for the interval of the expected calibration error.
        resampling: of that interval; by default over patients within each class.
        resamples: how many.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    n = len(scores)
    fitted = formulas.calibration(scores, outcomes)
    wald = "logistic recalibration, Wald"
    return Calibration(
        slope=Estimate.of(fitted.slope, n=n, method=wald),
        intercept=Estimate.of(fitted.intercept, n=n, method=wald),
        in_the_large=Estimate.of(fitted.in_the_large, n=n, method=f"{wald}, slope held at 1"),
        brier=Estimate.of(brier(scores, outcomes), n=n, method="mean of squared errors, normal"),
        brier_parts=brier_parts(scores, outcomes),
        expected_error=bootstrap(
            weighted.expected_error(scores, outcomes),
            resampling or ByPatient(outcomes),
            generator=generator,
            resamples=resamples,
        )
        if n
        else None,
    )


def brier_parts(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 10) -> BrierParts | None:
    """Take the Brier score apart over bins of equal width (Murphy, Journal of Applied Meteorology 12:595, 1973).

    Returns:
        None without patients.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    if not len(scores):
        return None
    where = np.minimum((scores * bins).astype(np.int64), bins - 1)
    counts = np.bincount(where, minlength=bins)
    used = counts > 0
    predicted, happened = (
        np.bincount(where, weights=values, minlength=bins)[used] / counts[used]
        for values in (scores, outcomes.astype(np.float64))
    )
    shares, overall = counts[used] / len(scores), float(outcomes.mean())
    reliability = float(shares @ (predicted - happened) ** 2)
    resolution = float(shares @ (happened - overall) ** 2)
    uncertainty = overall * (1 - overall)
    score = float(np.mean((scores - outcomes) ** 2))
    return BrierParts(
        score, reliability, resolution, uncertainty, score - reliability + resolution - uncertainty
    )


def smooth_curve(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, knots: int = 4, points: int = POINTS
) -> SmoothCurve | None:
    """Return the smooth calibration curve between the 1st and the 99th percentile of the predictions.

    Args:
        probabilities: (n,).
        labels: (n,).
        knots: of the spline, 3 to 5; fewer where the scores are too few to place them.
        points: where the curve is computed.

    Returns:
        None where no curve can be fitted: one class only, scores all the same, or classes separated.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    return smooth_curve_of_groups(
        scores, outcomes.astype(np.float64), np.ones(len(scores)), knots=knots, points=points
    )


def smooth_curve_of_groups(
    probabilities: Vector, events: Vector, trials: Vector, *, knots: int = 4, points: int = POINTS
) -> SmoothCurve | None:
    """Return the same from groups: ``events`` of ``trials`` reached pCR at each probability, all (groups,)."""
    seen = trials > 0
    scores, happened, tried = probabilities[seen], events[seen], trials[seen]
    if not 0 < happened.sum() < tried.sum():
        return None
    logits = logits_of(scores)
    places = _knots(logits, tried, knots)
    if places is None:
        return None
    design = spline(logits, places)
    fitted = minimise(
        lambda coefficients: binomial_sums(design, happened, tried, coefficients), np.zeros(design.shape[1])
    )
    if fitted is None:
        return None
    first, last = probabilities_of(_quantiles(logits, tried, (0.01, 0.99)))
    # Even steps of probability, not of log-odds: the axis of the figure.
    grid = np.linspace(float(first), float(last), points)
    basis = spline(logits_of(grid), places)
    middle = basis @ fitted.coefficients
    half = Z * np.sqrt(np.einsum("ij,jk,ik->i", basis, fitted.covariance, basis))
    return SmoothCurve(
        grid,
        probabilities_of(middle),
        probabilities_of(middle - half),
        probabilities_of(middle + half),
        len(places),
    )


def spline(values: Vector, knots: Vector) -> Vector:
    """Return the basis of a restricted cubic spline, linear beyond the outer knots, (n, number of knots).

    The columns are 1, the value, and the terms of Harrell's equation 2.25; with two knots it is a straight line.
    """
    columns = [np.ones_like(values), values]
    last, before = knots[-1], knots[-2]
    scale = (last - knots[0]) ** 2

    def cube(knot: float) -> Vector:
        return np.maximum(values - knot, 0) ** 3

    for knot in knots[:-2]:
        bent = cube(knot) - (cube(before) * (last - knot) - cube(last) * (before - knot)) / (last - before)
        columns.append(bent / scale)
    return np.column_stack(columns)


def _knots(logits: Vector, trials: Vector, wanted: int) -> Vector | None:
    """Return the places of as many knots as the scores allow, None if they are all the same."""
    if len(np.unique(logits)) < 2:
        return None
    for number in range(wanted, 2, -1):
        places = np.unique(_quantiles(logits, trials, KNOTS[number]))
        if len(places) == number and len(np.unique(logits)) >= number:
            return places
    return np.array([logits.min(), logits.max()])


def _quantiles(values: Vector, counts: Vector, shares: tuple[float, ...]) -> Vector:
    """Return quantiles of values that occur ``counts`` times: the smallest that reaches the share."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order]) / counts.sum()
    return values[order][np.minimum(np.searchsorted(reached, shares), len(values) - 1)]
