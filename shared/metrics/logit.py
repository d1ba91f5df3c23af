"""Logits of probabilities, kept finite, and the logistic fits that federated and pooled calibration share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fedchemo.shared.clinical.logistic import LogisticSums
from fedchemo.shared.metrics.loss import CERTAINTY
from fedchemo.shared.metrics.scores import Vector

# As for the calibration in `fedchemo.shared.metrics.calibration`: a maximum is found in about 6 steps.
STEPS = 50


@dataclass(frozen=True, eq=False)
class Fit:
    """A maximum of the likelihood: coefficients (d,) and their covariance (d, d)."""

    coefficients: Vector
    covariance: Vector


def logits_of(probabilities: Vector) -> Vector:
    """Return log-odds; probabilities of 0 and 1 are moved inwards by what float32 can tell apart."""
    kept = np.clip(probabilities, CERTAINTY, 1 - CERTAINTY)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def probabilities_of(logits: Vector) -> Vector:
    """Return the probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))


def binomial_sums(
    design: Vector, events: Vector, trials: Vector, coefficients: Vector, *, offset: Vector | float = 0.0
) -> LogisticSums:
    """Return log-loss, gradient (d,) and Hessian (d, d) over patients, or groups of them.

    Args:
        design: (groups, d), every column a coefficient: a column of ones is the intercept.
        events: how many of each group reached pCR, (groups,).
        trials: how many there are, (groups,).
        coefficients: where, (d,).
        offset: added to the logit, with a coefficient of 1.
    """
    logits = design @ coefficients + offset
    rates = probabilities_of(logits)
    losses = trials * np.logaddexp(0.0, logits) - events * logits
    return LogisticSums(
        count=int(trials.sum()),
        loss=float(losses.sum()),
        gradient=np.asarray(design.T @ (trials * rates - events)),
        hessian=np.asarray((design * (trials * rates * (1 - rates))[:, None]).T @ design),
    )


def minimise(sums_at: Callable[[Vector], LogisticSums], start: Vector) -> Fit | None:
    """Minimise a log-loss by Newton's method, each exchange being one call.

    Args:
        sums_at: the pooled sums at some coefficients.
        start: first coefficients, (d,).

    Returns:
        None if there is no single minimum: one class only, scores all the same, or classes separated.
    """
    coefficients, loss = np.array(start, dtype=np.float64), math.inf
    step = np.zeros_like(coefficients)
    for _ in range(STEPS):
        reached = sums_at(coefficients + step)
        if reached.loss > loss + 1e-12 * abs(loss):
            step = step / 2
            continue
        coefficients, loss = coefficients + step, reached.loss
        if not np.all(np.isfinite(reached.hessian)) or np.linalg.cond(reached.hessian) > 1e12:
            return None
        step = np.asarray(-np.linalg.solve(reached.hessian, reached.gradient))
        if np.all(np.abs(step) < 1e-9 * (1 + np.abs(coefficients))):
            return Fit(coefficients, np.asarray(np.linalg.inv(reached.hessian)))
    return None
