"""Recalibrating a federated model from sums: no site shows a prediction or an outcome.

Fit on validation patients and judge on test patients: on its own patients a calibration flatters itself.

`temperature` divides the logits by one number (Guo et al., ICML 2017), `recalibrate` is Cox's slope and
intercept; both are Newton's method on sums over patients, as for the clinical model
(`fedchemo.shared.clinical.logistic`), and equal the fit on pooled predictions. `site_intercepts` adds to a
common slope an intercept for each hospital, for pCR is more frequent in some than in others; a hospital keeps
its intercept to itself and sends a gradient and a Hessian of the common coefficients, whose sums are all that
the coordinator needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.clinical.logistic import LogisticSums, pool
from fedchemo.shared.metrics.logit import Fit, binomial_sums, logits_of, minimise
from fedchemo.shared.metrics.recalibration import SHRINKAGE, Recalibrated
from fedchemo.shared.metrics.scores import Vector, checked

Site = tuple[npt.ArrayLike, npt.ArrayLike]
"""A site's validation patients: probabilities (n,) and outcomes (n,)."""
SLOPE, INTERCEPT = 0, 1


def temperature(sites: Mapping[str, Site]) -> Recalibrated | None:
    """Fit one temperature over all sites; None if there is none (one class, or separated classes).

    Raises:
        FedchemoError: FC801, FC802.
    """
    fitted = _fit(sites, columns=1)
    if fitted is None or fitted.coefficients[SLOPE] <= 0:
        # A slope of 0 or below is a model that ranks patients the wrong way round: no temperature mends it.
        return None
    return _map(float(fitted.coefficients[SLOPE]), 0.0, fitted)


def recalibrate(sites: Mapping[str, Site]) -> Recalibrated | None:
    """Fit a slope and an intercept over all sites; None as `temperature`.

    Raises:
        FedchemoError: FC801, FC802.
    """
    fitted = _fit(sites, columns=2)
    if fitted is None or fitted.coefficients[SLOPE] <= 0:
        return None
    slope, intercept = fitted.coefficients
    return _map(float(slope), float(intercept), fitted)


def site_intercepts(
    sites: Mapping[str, Site], *, shrinkage: float | None = SHRINKAGE
) -> dict[str, Recalibrated] | None:
    """Fit a common slope, a common intercept, and each site's deviation from it.

    Args:
        sites: name -> validation patients.
        shrinkage: standard deviation that deviations are expected to have, which draws those of small sites
            towards the common intercept; None leaves them free, as dummy variables would.

    Returns:
        Site -> its map; None if there is no single best fit, such as a site of one class with nothing shrunk.

    Raises:
        FedchemoError: FC801, FC802.
        ValueError: if ``shrinkage`` is not above 0.
    """
    if shrinkage is not None and not shrinkage > 0:
        msg = f"a standard deviation is above 0, not {shrinkage}"
        raise ValueError(msg)
    penalty = 0.0 if shrinkage is None else 1 / shrinkage**2
    local = {name: _Local(*_prepared(site), penalty) for name, site in sorted(sites.items())}
    if not local or not all(each.estimable for each in local.values()):
        return None
    # Free intercepts leave nothing for a common one to explain.
    columns = 1 if shrinkage is None else 2
    fitted = minimise(
        lambda common: pool([each.profile(common) for each in local.values()]), np.eye(columns)[SLOPE]
    )
    if fitted is None or fitted.coefficients[SLOPE] <= 0:
        return None
    slope = float(fitted.coefficients[SLOPE])
    return {name: _map(slope, each.intercept(fitted.coefficients), fitted) for name, each in local.items()}


def _map(slope: float, intercept: float, fitted: Fit) -> Recalibrated:
    error = math.sqrt(fitted.covariance[SLOPE, SLOPE])
    return Recalibrated(slope=slope, intercept=intercept, slope_error=error)


@dataclass(frozen=True, eq=False)
class _Local:
    """What stays in a hospital: its logits and outcomes, and the deviation that suits them."""

    logits: Vector
    outcomes: Vector
    penalty: float

    @property
    def estimable(self) -> bool:
        """Whether a free deviation has a best value: both classes are there."""
        return self.penalty > 0 or 0 < self.outcomes.sum() < len(self.outcomes)

    def intercept(self, common: Vector) -> float:
        """Return the common intercept and the best deviation at these common coefficients."""
        shared = float(common[INTERCEPT]) if len(common) > 1 else 0.0
        return shared + self._deviation(common)

    def profile(self, common: Vector) -> LogisticSums:
        """Return loss, gradient and Hessian in the common coefficients with the deviation at its best."""
        deviation = self._deviation(common)
        full = self._sums(common, deviation)
        own = full.hessian[-1, -1] + self.penalty
        cross = full.hessian[:-1, -1]
        return LogisticSums(
            full.count,
            full.loss + 0.5 * self.penalty * deviation**2,
            # At the best deviation, moving it changes nothing to first order.
            full.gradient[:-1],
            full.hessian[:-1, :-1] - np.outer(cross, cross) / own,
        )

    def _deviation(self, common: Vector) -> float:
        def penalised(deviation: Vector) -> LogisticSums:
            full = self._sums(common, float(deviation[0]))
            return LogisticSums(
                full.count,
                full.loss + 0.5 * self.penalty * float(deviation[0]) ** 2,
                full.gradient[-1:] + self.penalty * deviation,
                full.hessian[-1:, -1:] + self.penalty,
            )

        fitted = minimise(penalised, np.zeros(1))
        return 0.0 if fitted is None else float(fitted.coefficients[0])

    def _sums(self, common: Vector, deviation: float) -> LogisticSums:
        ones = np.ones_like(self.logits)
        design = np.column_stack([self.logits, *[ones] * len(common)])
        return binomial_sums(design, self.outcomes, ones, np.append(common, deviation))


def _fit(sites: Mapping[str, Site], *, columns: int) -> Fit | None:
    prepared = [_prepared(site) for _, site in sorted(sites.items())]
    happened = sum(float(outcomes.sum()) for _, outcomes in prepared)
    if not 0 < happened < sum(len(outcomes) for _, outcomes in prepared):
        return None

    def sums_at(coefficients: Vector) -> LogisticSums:
        return pool(
            [
                binomial_sums(
                    np.column_stack([logits, np.ones_like(logits)])[:, :columns],
                    outcomes,
                    np.ones_like(logits),
                    coefficients,
                )
                for logits, outcomes in prepared
            ]
        )

    return minimise(sums_at, np.eye(columns)[SLOPE])


def _prepared(site: Site) -> tuple[Vector, Vector]:
    scores, outcomes = checked(*site)
    return logits_of(scores), outcomes.astype(np.float64)
