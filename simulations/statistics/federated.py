"""Evaluation without pooling a single prediction: every curve from the sites' summed histograms.

A site counts its test patients of each class in bins of predicted probability
(`fedchemo.shared.metrics.histogram`); only counts leave it, and only their sum needs to be seen. The decision
curve and the points of the other curves are exact at the edges of the bins; the AUC errs by what shares a bin; Brier
score and calibration take each score at the centre of its bin.

Where scores crowd into few bins, a second exchange sharpens the ranking: from the first sum follows a map of
probabilities (`Equaliser`) after which the bins hold about as many patients each, and the sites count again. Over
40 cohorts of 800 patients the AUC then errs by .0009 at 20 bins, .0006 at 30 and .0004 at 50 in the mean, without it
by .0019, .0011 and .0006; `FederatedEvaluation.auc_error` bounds the error of the case at hand. Average precision
errs by at most .005 at 20 bins, .003 at 50.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.calibration import Recalibration
from fedchemo.shared.metrics.histogram import CalibrationRow, RocCurve, ScoreHistogram
from fedchemo.shared.metrics.loss import mean_of_sums
from fedchemo.shared.metrics.scores import Vector
from fedchemo.simulations.statistics.calibration import SmoothCurve, smooth_curve_of_groups
from fedchemo.simulations.statistics.decision_curve import DecisionCurve, decision_curve_of_histogram
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.precision_recall import PrecisionRecall, precision_recall_of_histogram


@dataclass(frozen=True)
class FederatedEvaluation:
    """What summed histograms tell; each None where a class is absent.

    Attributes:
        auc: with DeLong's interval, scores in one bin counting as ties.
        auc_error: how far at most it is from the AUC of the pooled predictions.
        brier: with its interval, each score at the centre of its bin.
        roc: bins + 1 points.
        precision_recall: a point for each bin in use.
        decision_curve: at the inner edges of the bins, where it is exact.
        calibration: predicted against observed pCR in groups of bins.
        smooth_calibration: the same as a curve with bands.
        recalibration: slope and intercepts.
        bins: how many.
        patients: how many.
        positives: of them with pCR.
    """

    auc: Estimate | None
    auc_error: float | None
    brier: Estimate | None
    roc: RocCurve | None
    precision_recall: PrecisionRecall | None
    decision_curve: DecisionCurve | None
    calibration: tuple[CalibrationRow, ...]
    smooth_calibration: SmoothCurve | None
    recalibration: Recalibration
    bins: int
    patients: int
    positives: int


@dataclass(frozen=True, eq=False)
class Equaliser:
    """A rising map of probabilities onto 0 to 1 that spreads patients evenly over the bins.

    Attributes:
        edges: probabilities, (bins + 1,), rising.
        places: where they go, (bins + 1,), rising.
    """

    edges: Vector
    places: Vector

    @classmethod
    def of(cls, pooled: ScoreHistogram) -> Equaliser:
        """Return the map from the summed histograms of the first exchange: their distribution function.

        Half a patient is added to each bin, so that the map rises everywhere and keeps every order.
        """
        mass = pooled.positives + pooled.negatives + 0.5
        return cls(pooled.edges, np.concatenate([[0.0], np.cumsum(mass) / mass.sum()]))

    def __call__(self, probabilities: npt.ArrayLike) -> Vector:
        """Return what a site counts in the second exchange, (n,)."""
        return np.asarray(np.clip(np.interp(np.asarray(probabilities), self.edges, self.places), 0.0, 1.0))

    def back(self, places: Vector) -> Vector:
        """Return the probabilities that go to these places."""
        return np.asarray(np.interp(places, self.places, self.edges))


def evaluate(
    sites: Iterable[ScoreHistogram], *, equalised: Iterable[ScoreHistogram] = ()
) -> FederatedEvaluation | None:
    """Return all curves over the patients of all sites.

    Args:
        sites: a histogram a site, or their sum alone.
        equalised: the same patients, counted after ``Equaliser.of`` the sum of ``sites``; given, AUC and ROC
            curve come from them.

    Returns:
        None without a site.

    Raises:
        ValueError: if their bins differ, or the second exchange counts other patients.
    """
    parts, again = list(sites), list(equalised)
    if not parts:
        return None
    pooled = sum(parts[1:], start=parts[0])
    ranked = sum(again[1:], start=again[0]) if again else pooled
    positives, trials = pooled.positives, pooled.positives + pooled.negatives
    if (ranked.positives.sum(), ranked.negatives.sum()) != (positives.sum(), pooled.negatives.sum()):
        msg = "the second exchange counts other patients than the first"
        raise ValueError(msg)
    n, bins = int(trials.sum()), pooled.bins
    roc = ranked.roc()
    if again and roc:
        roc = dataclasses.replace(roc, thresholds=Equaliser.of(pooled).back(roc.thresholds))
    tied = ranked.tied_share()
    errors = np.concatenate([(1 - pooled.centres) ** 2, pooled.centres**2])
    counts = np.concatenate([positives, pooled.negatives])
    squared = mean_of_sums(n, float(counts @ errors), float(counts @ errors**2))
    method = f"DeLong, of {ranked.bins} {'equalised ' if again else ''}bins"
    return FederatedEvaluation(
        auc=Estimate.of(ranked.auc(), n=n, method=method),
        auc_error=None if tied is None else tied / 2,
        brier=Estimate.of(squared, n=n, method=f"mean of squared errors, of {bins} bins"),
        roc=roc,
        precision_recall=precision_recall_of_histogram(pooled),
        decision_curve=decision_curve_of_histogram(pooled),
        calibration=pooled.calibration_table(math.gcd(bins, 10)),
        smooth_calibration=smooth_curve_of_groups(
            pooled.centres, positives.astype(np.float64), trials.astype(np.float64)
        ),
        recalibration=pooled.recalibration(),
        bins=bins,
        patients=n,
        positives=int(positives.sum()),
    )
