"""Calibration: do patients given a probability of 30 % reach pCR in 30 %?

Cox's logistic recalibration (Biometrika 45:562, 1958) regresses the outcome on the logit of the prediction:
slope 1 and intercept 0 are perfect, a slope below 1 is overconfidence. Calibration in the large is the
intercept with the slope held at 1: above 0, pCR is more frequent than predicted (Van Calster et al., BMC
Medicine 17:230, 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.loss import CERTAINTY
from fedchemo.shared.metrics.scores import Labels, Vector, checked

# A maximum is found in about 6 steps; where there is none the coefficients grow by a step of about the same
# size for ever.
STEPS = 50


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Slope and intercept fitted together, and calibration in the large; each None where not estimable."""

    slope: Interval | None
    intercept: Interval | None
    in_the_large: Interval | None


def calibration(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> Recalibration:
    """Return calibration slope, intercept and calibration in the large with Wald's 95 % intervals.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(probabilities, labels)
    return recalibrate(scores, outcomes.astype(np.int64), np.ones(len(scores), dtype=np.int64))


def recalibrate(
    probabilities: Vector, events: npt.NDArray[np.int64], trials: npt.NDArray[np.int64]
) -> Recalibration:
    """Return the same from grouped patients: ``events`` of ``trials`` reached pCR at each probability.

    All arrays are (groups,). Nothing is estimable where only one class is present; the slope and its
    intercept are not where all predictions are the same or separate the classes perfectly.
    """
    seen = trials > 0
    happened, tried = events[seen].astype(np.float64), trials[seen].astype(np.float64)
    if not 0 < happened.sum() < tried.sum():
        return Recalibration(None, None, None)
    kept = np.clip(probabilities[seen], CERTAINTY, 1 - CERTAINTY)
    logits = np.log(kept) - np.log1p(-kept)
    ones = np.ones_like(logits)
    large = _fit(ones[:, None], logits, happened, tried)
    both = _fit(np.column_stack([ones, logits]), np.zeros_like(logits), happened, tried)
    return Recalibration(
        slope=both[1] if both else None,
        intercept=both[0] if both else None,
        in_the_large=large[0] if large else None,
    )


def expected_error(probabilities: Vector, labels: Labels, *, bins: int = 10) -> float | None:
    """Return the expected calibration error (Naeini et al., AAAI 2015); None without patients.

    It is the mean over patients of |mean prediction - share of pCR| in their bin of equal width. It is
    biased upwards in small samples; `bootstrap` gives its interval.
    """
    if len(probabilities) == 0:
        return None
    where = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(where, weights=probabilities - labels, minlength=bins)
    return float(np.abs(gaps).sum() / len(probabilities))


def _fit(design: Vector, offset: Vector, events: Vector, trials: Vector) -> list[Interval] | None:
    """Maximise the binomial likelihood by Newton's method; None if it has no single maximum."""
    coefficients: Vector = np.zeros(design.shape[1])
    likelihood = -math.inf
    step: Vector = np.zeros_like(coefficients)
    for _ in range(STEPS):
        logits = design @ (coefficients + step) + offset
        reached = float(events @ logits - trials @ np.logaddexp(0.0, logits))
        if reached < likelihood - 1e-12 * abs(likelihood):
            step = step / 2
            continue
        coefficients, likelihood = coefficients + step, reached
        rates = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
        information = design.T @ (design * (trials * rates * (1 - rates))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.asarray(
            np.linalg.solve(information, design.T @ (events - trials * rates)), dtype=np.float64
        )
        if np.all(np.abs(step) < 1e-9 * (1 + np.abs(coefficients))):
            errors = np.sqrt(np.diag(np.linalg.inv(information)))
            return [Interval.normal(*pair) for pair in zip(coefficients, errors, strict=True)]
    return None
