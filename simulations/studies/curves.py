"""The curves of a method, as tables that any program can draw: from the mean prediction over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fedchemo.simulations.statistics.calibration import smooth_curve
from fedchemo.simulations.statistics.decision_curve import decision_curve
from fedchemo.simulations.statistics.precision_recall import precision_recall
from fedchemo.simulations.statistics.roc import roc_with_band
from fedchemo.simulations.studies.cells import Matrix

RESAMPLES, POINTS = 1000, 41


def curves(matrix: Matrix, stream: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return ``roc``, ``precision_recall``, ``calibration_curve``, ``decision_curve``, without those not defined."""
    scores, outcomes = matrix.mean, matrix.outcomes
    found: dict[str, pd.DataFrame] = {}
    if roc := roc_with_band(scores, outcomes, generator=stream, resamples=RESAMPLES):
        found["roc"] = pd.DataFrame(
            {
                "false_positive_rate": roc.false_positive_rates,
                "true_positive_rate": roc.true_positive_rates,
                "low": roc.low,
                "high": roc.high,
            }
        )
    if curve := precision_recall(scores, outcomes):
        # A point a patient is more than anybody sees, and would be a score a row.
        kept = np.unique(np.linspace(0, len(curve.recall) - 1, POINTS).astype(int))
        found["precision_recall"] = pd.DataFrame(
            {"recall": curve.recall[kept], "precision": curve.precision[kept], "chance": curve.chance}
        )
    if smooth := smooth_curve(scores, outcomes, points=POINTS):
        found["calibration_curve"] = pd.DataFrame(
            {
                "predicted": smooth.predicted,
                "observed": smooth.observed,
                "low": smooth.low,
                "high": smooth.high,
            }
        )
    if decided := decision_curve(scores, outcomes, generator=stream, resamples=RESAMPLES):
        found["decision_curve"] = pd.DataFrame(
            {
                "threshold": decided.thresholds,
                "model": decided.model,
                "low": decided.low,
                "high": decided.high,
                "everyone": decided.everyone,
                "gain": decided.gain,
                "gain_low": decided.gain_low,
                "gain_high": decided.gain_high,
            }
        )
    return found
