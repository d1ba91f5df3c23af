"""A map that mends probabilities: fitted from summed histograms, or by a hospital on its own patients.

`temperature` divides log-odds by one number (Guo et al., ICML 2017); `slope_and_intercept` is Cox's recalibration.
Both need counts only, so the histograms of validation patients that sites send anyway are enough. pCR is more frequent
in some hospitals than in others: `site_intercept` finds the intercept that suits one, which need not leave it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from fedchemo.shared.clinical.logistic import LogisticSums
from fedchemo.shared.configuration import Settings
from fedchemo.shared.metrics.histogram import ScoreHistogram
from fedchemo.shared.metrics.logit import binomial_sums, logits_of, minimise, probabilities_of
from fedchemo.shared.metrics.scores import Vector, checked

SHRINKAGE = 0.5
"""Prior standard deviation of a site's intercept: 95 % of hospitals within +- 1 of log-odds of the mean."""


class Recalibrated(Settings):
    """A map of probabilities: logit -> slope * logit + intercept.

    Attributes:
        slope: below 1 the model was too sure; the temperature is its inverse.
        intercept: above 0 pCR is more frequent than the model said.
        slope_error: standard error of the slope.
    """

    slope: float = Field(gt=0)
    intercept: float
    slope_error: float = Field(ge=0)

    @property
    def temperature(self) -> float:
        """What logits are divided by."""
        return 1 / self.slope

    def __call__(self, probabilities: npt.ArrayLike) -> Vector:
        """Return recalibrated probabilities, (n,)."""
        scores = np.asarray(probabilities, dtype=np.float64)
        return probabilities_of(self.slope * logits_of(scores) + self.intercept)


def temperature(pooled: ScoreHistogram) -> Recalibrated | None:
    """Return the map of one temperature; None if there is none (one class, or a model that ranks the wrong way)."""
    return _fit(pooled, columns=1)


def slope_and_intercept(pooled: ScoreHistogram) -> Recalibrated | None:
    """Return the map of a slope and an intercept; None as `temperature`."""
    return _fit(pooled, columns=2)


def site_intercept(
    common: Recalibrated,
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    shrinkage: float = SHRINKAGE,
) -> Recalibrated:
    """Return the common map with the intercept that suits one hospital's patients.

    Args:
        common: of all sites.
        probabilities: of the hospital's validation patients, (n,).
        labels: (n,).
        shrinkage: standard deviation that hospitals are expected to have, which draws the intercept of a small one
            to the common one; without patients it is that.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    offset = common.slope * logits_of(scores) + common.intercept
    happened, ones = outcomes.astype(np.float64), np.ones(len(scores))

    def penalised(deviation: Vector) -> LogisticSums:
        sums = binomial_sums(ones[:, None], happened, ones, deviation, offset=offset)
        return LogisticSums(
            sums.count,
            sums.loss + 0.5 * float(deviation[0] / shrinkage) ** 2,
            sums.gradient + deviation / shrinkage**2,
            sums.hessian + 1 / shrinkage**2,
        )

    fitted = minimise(penalised, np.zeros(1))
    moved = 0.0 if fitted is None else float(fitted.coefficients[0])
    return common.model_copy(update={"intercept": common.intercept + moved})


def _fit(pooled: ScoreHistogram, *, columns: int) -> Recalibrated | None:
    happened = pooled.positives.astype(np.float64)
    tried = happened + pooled.negatives
    if not 0 < happened.sum() < tried.sum():
        return None
    logits = logits_of(pooled.centres)
    design = np.column_stack([logits, np.ones_like(logits)])[:, :columns]
    fitted = minimise(
        lambda coefficients: binomial_sums(design, happened, tried, coefficients), np.eye(columns)[0]
    )
    if fitted is None or fitted.coefficients[0] <= 0:
        # A slope of 0 or below is a model that ranks patients the wrong way round: no map mends that.
        return None
    slope, intercept = (*fitted.coefficients.tolist(), 0.0)[:2]
    return Recalibrated(
        slope=slope, intercept=intercept, slope_error=math.sqrt(float(fitted.covariance[0, 0]))
    )
