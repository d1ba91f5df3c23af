"""All figures about one set of predictions together, as `fedchemo evaluate` and a run's summary show them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.calibration import calibration, expected_error
from fedchemo.shared.metrics.interval import Interval, bootstrap
from fedchemo.shared.metrics.loss import brier, log_loss
from fedchemo.shared.metrics.scores import checked


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The figures with their 95 % intervals; one that the patients cannot tell is None."""

    patients: int
    positives: int
    auc: Interval | None
    log_loss: Interval | None
    brier: Interval | None
    calibration_slope: Interval | None
    calibration_intercept: Interval | None
    calibration_in_the_large: Interval | None
    expected_calibration_error: Interval | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


def scorecard(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, generator: np.random.Generator
) -> Scorecard:
    """Compute every figure.

    Args:
        probabilities: (n,).
        labels: (n,), 1 is pCR.
        generator: a derived stream for the bootstrap interval of the expected calibration error.

    Raises:
        FedchemoError: FC801, FC802 as `checked`.
    """
    scores, outcomes = checked(probabilities, labels)
    recalibration = calibration(scores, outcomes)
    return Scorecard(
        patients=len(scores),
        positives=int(outcomes.sum()),
        auc=auc(scores, outcomes),
        log_loss=log_loss(scores, outcomes),
        brier=brier(scores, outcomes),
        calibration_slope=recalibration.slope,
        calibration_intercept=recalibration.intercept,
        calibration_in_the_large=recalibration.in_the_large,
        expected_calibration_error=bootstrap(expected_error, scores, outcomes, generator=generator),
    )
