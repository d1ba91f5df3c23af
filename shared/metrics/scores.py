"""What every metric starts from: one probability and one outcome a patient, checked once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fedchemo.shared.errors import FedchemoError

Vector = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


def checked(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Vector, Labels]:
    """Return predicted probabilities as float64 (n,) and outcomes as booleans (n,), True is pCR.

    Raises:
        FedchemoError: FC801 if a probability is not finite or not within 0 and 1, FC802 if an outcome is
            neither 0 nor 1 or there is not one for each probability.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    outcomes = np.asarray(labels, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != outcomes.shape:
        raise FedchemoError("FC802", f"{scores.size} probabilities and {outcomes.size} outcomes")
    # A NaN fails the comparison, so it is counted as well.
    unusable = int(np.sum(~((scores >= 0) & (scores <= 1))))
    if unusable:
        raise FedchemoError("FC801", f"{unusable} of {len(scores)} predictions are no probabilities")
    unknown = int(np.sum((outcomes != 0) & (outcomes != 1)))
    if unknown:
        raise FedchemoError("FC802", f"{unknown} of {len(scores)} outcomes are neither 0 nor 1")
    return scores, outcomes == 1
