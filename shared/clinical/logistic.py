"""The clinical logistic model, fitted exactly by federated Newton steps.

The penalised log-likelihood of a logistic regression is a sum over patients, so each site sends the gradient
and Hessian of its own patients and the coordinator takes the pooled Newton step (iteratively reweighted least
squares; McCullagh & Nelder, Generalized Linear Models, 1989, ch. 2.5). A handful of exchanges reach the same
optimum as a fit on the pooled table: the penalty is that of scikit-learn's default (C = 1, intercept free).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
RIDGE = 1.0
"""Strength of the penalty, RIDGE / 2 * sum of squared coefficients."""


@dataclass(frozen=True)
class LogisticSums:
    """A site's sums at one point: log-loss, gradient (d+1,) and Hessian (d+1, d+1), intercept last."""

    count: int
    loss: float
    gradient: Vector
    hessian: Vector


def sums(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.float32], coefficients: Vector
) -> LogisticSums:
    """Return the sums over patients at ``coefficients`` (d+1,), features (n, d), labels (n,) of 0 and 1."""
    design = np.column_stack([features, np.ones(len(features))]).astype(np.float64)
    logits = design @ coefficients
    probabilities = 1.0 / (1.0 + np.exp(-logits))
    losses = np.logaddexp(0.0, logits) - labels * logits
    gradient = design.T @ (probabilities - labels)
    hessian = (design * (probabilities * (1.0 - probabilities))[:, None]).T @ design
    return LogisticSums(len(features), float(losses.sum()), gradient, hessian)


def pool(sites: Sequence[LogisticSums]) -> LogisticSums:
    """Add sites' sums; `math.fsum` makes the result independent of their order, to the bit."""
    return LogisticSums(
        count=sum(site.count for site in sites),
        loss=math.fsum(site.loss for site in sites),
        gradient=_exact_sum([site.gradient for site in sites]),
        hessian=_exact_sum([site.hessian for site in sites]),
    )


def objective(pooled: LogisticSums, coefficients: Vector) -> float:
    """Return the penalised log-loss that the fit minimises."""
    return pooled.loss + 0.5 * RIDGE * float(coefficients[:-1] @ coefficients[:-1])


def newton_step(pooled: LogisticSums, coefficients: Vector) -> Vector:
    """Return the step (d+1,) to add to ``coefficients``."""
    penalty = np.full(len(coefficients), RIDGE)
    penalty[-1] = 0.0
    gradient = pooled.gradient + penalty * coefficients
    # Of one class, the intercept's curvature vanishes far out: a trace of ridge keeps the system solvable.
    hessian = pooled.hessian + np.diag(penalty + 1e-9)
    return np.asarray(-np.linalg.solve(hessian, gradient), dtype=np.float64)


def _exact_sum(arrays: Sequence[Vector]) -> Vector:
    stacked = np.stack(arrays)
    flat = stacked.reshape(len(arrays), -1)
    return np.array([math.fsum(column) for column in flat.T]).reshape(stacked.shape[1:])
