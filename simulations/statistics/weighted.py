"""Figures of predictions as functions of counts: how often each patient stands in each resample.

Each function here takes probabilities (n,) and outcomes (n,) once, does what sorting and binning it needs, and
returns a `Statistic`: counts (resamples, n) to figures (resamples,). With counts of one it is the plain figure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.logit import logits_of
from fedchemo.shared.metrics.loss import log_losses
from fedchemo.shared.metrics.scores import Labels, Vector, checked
from fedchemo.simulations.statistics.resampling import Counts, Statistic

Figure = Callable[[npt.ArrayLike, npt.ArrayLike], Statistic]
"""Probabilities and outcomes to a statistic: `auc`, `brier` and the others below."""
STEPS = 30


def auc(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Area under the ROC curve, ties counting half; NaN where a class is absent."""
    scores, outcomes = checked(probabilities, labels)
    order, starts = _distinct(scores)
    positive = outcomes[order].astype(np.float64)

    def statistic(counts: Counts) -> Vector:
        ordered = counts[:, order]
        positives, negatives = (
            _grouped(ordered * positive, starts),
            _grouped(ordered * (1 - positive), starts),
        )
        beaten = np.cumsum(negatives, axis=1) - negatives / 2
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        return _ratio((positives * beaten).sum(axis=1), pairs)

    return statistic


def average_precision(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Mean precision over the patients with pCR, each at its own threshold; NaN without pCR."""
    scores, outcomes = checked(probabilities, labels)
    order, starts = _distinct(-scores)
    positive = outcomes[order].astype(np.float64)

    def statistic(counts: Counts) -> Vector:
        ordered = counts[:, order]
        positives, everyone = _grouped(ordered * positive, starts), _grouped(ordered, starts)
        precision = _ratio(np.cumsum(positives, axis=1), np.cumsum(everyone, axis=1))
        # Before the first patient drawn, precision is undefined and weighs nothing.
        return _ratio((positives * np.nan_to_num(precision)).sum(axis=1), positives.sum(axis=1))

    return statistic


def brier(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Mean squared error of the probabilities."""
    scores, outcomes = checked(probabilities, labels)
    return _mean((scores - outcomes) ** 2)


def log_loss(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Mean log-loss in nats."""
    return _mean(log_losses(probabilities, labels))


def observed_less_predicted(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Share of pCR less mean prediction: above 0, pCR is more frequent than the model says."""
    scores, outcomes = checked(probabilities, labels)
    return _mean(outcomes - scores)


def expected_error(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 10) -> Statistic:
    """Expected calibration error in bins of equal width (Naeini et al., AAAI 2015); biased upwards when n is small."""
    scores, outcomes = checked(probabilities, labels)
    where = np.minimum((scores * bins).astype(np.int64), bins - 1)
    gaps = np.zeros((len(scores), bins))
    gaps[np.arange(len(scores)), where] = scores - outcomes
    return lambda counts: _ratio(np.abs(counts @ gaps).sum(axis=1), counts.sum(axis=1))


def calibration_slope(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Statistic:
    """Slope of Cox's logistic recalibration; NaN where the classes are separated or the scores all the same."""
    scores, outcomes = checked(probabilities, labels)
    logits = logits_of(scores)

    def statistic(counts: Counts) -> Vector:
        return _recalibrated(logits, outcomes, counts)[1]

    return statistic


def sensitivity(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, threshold: float) -> Statistic:
    """Share of those with pCR whose probability reaches the threshold; NaN without pCR."""
    scores, outcomes = checked(probabilities, labels)
    return _share(scores >= threshold, outcomes)


def specificity(probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, threshold: float) -> Statistic:
    """Share of those without pCR whose probability stays below the threshold; NaN if all have it."""
    scores, outcomes = checked(probabilities, labels)
    return _share(scores < threshold, ~outcomes)


def _recalibrated(logits: Vector, outcomes: Labels, counts: Counts) -> tuple[Vector, Vector]:
    """Return intercepts and slopes (resamples,), by Newton's method on all resamples at once."""
    intercept, slope = np.zeros(len(counts)), np.zeros(len(counts))
    happened = outcomes.astype(np.float64)
    squares = logits**2
    converged = np.zeros(len(counts), dtype=np.bool_)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            eta = np.clip(intercept[:, None] + slope[:, None] * logits, -700, 700)
            rates = 1 / (1 + np.exp(-eta))
            misfit, curvature = counts * (happened - rates), counts * rates * (1 - rates)
            g0, g1 = misfit.sum(axis=1), misfit @ logits
            h00, h01, h11 = curvature.sum(axis=1), curvature @ logits, curvature @ squares
            determinant = h00 * h11 - h01**2
            singular = determinant <= 1e-10 * h00 * h11
            down, up = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
            # Steps are kept short: a full step may overshoot where a class is rare.
            scale = np.minimum(1, 4 / np.maximum(np.abs(down), np.abs(up)))
            moving = ~(singular | converged)
            intercept[moving] += (scale * down)[moving]
            slope[moving] += (scale * up)[moving]
            converged |= ~singular & (np.abs(down) < 1e-8) & (np.abs(up) < 1e-8)
            if np.all(converged | singular):
                break
    intercept[~converged], slope[~converged] = np.nan, np.nan
    return intercept, slope


def _distinct(scores: Vector) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp] | None]:
    """Return the ascending order and where each distinct score starts in it; None if all are distinct."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(scores) else order
    return order, None if len(starts) == len(scores) else starts


def _grouped(values: Counts, starts: npt.NDArray[np.intp] | None) -> Counts:
    return values if starts is None else np.add.reduceat(values, starts, axis=1)


def _mean(values: Vector) -> Statistic:
    return lambda counts: _ratio(counts @ values, counts.sum(axis=1))


def _share(chosen: Labels, among: Labels) -> Statistic:
    hits, all_of_them = (chosen & among).astype(np.float64), among.astype(np.float64)
    return lambda counts: _ratio(counts @ hits, counts @ all_of_them)


def _ratio(numerator: Vector, denominator: Vector) -> Vector:
    found = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found
