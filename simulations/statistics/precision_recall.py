"""Average precision with its interval; the curve itself is `fedchemo.shared.metrics.precision_recall`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.precision_recall import (
    PrecisionRecall,
    precision_recall,
    precision_recall_of_histogram,
)
from fedchemo.shared.metrics.scores import checked
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.resampling import RESAMPLES, ByPatient, Resampling, bootstrap

__all__ = ["PrecisionRecall", "average_precision", "precision_recall", "precision_recall_of_histogram"]


def average_precision(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
) -> Estimate | None:
    """Return the average precision with its interval; None if a class is absent.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    if not 0 < outcomes.sum() < len(outcomes):
        return None
    return bootstrap(
        weighted.average_precision(scores, outcomes),
        resampling or ByPatient(outcomes),
        generator=generator,
        resamples=resamples,
    )
