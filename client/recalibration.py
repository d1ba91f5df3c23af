"""Mending a model's probabilities by the calibration that is kept with it, or by this hospital's own patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fedchemo.client.calibration import Calibration
from fedchemo.client.inference import Predictions
from fedchemo.shared.configuration import parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.recalibration import Recalibrated, site_intercept
from fedchemo.shared.metrics.scores import Vector


def kept_map(details: Mapping[str, Any], how: Calibration) -> Recalibrated:
    """Return the map that the run kept with its model.

    Raises:
        FedchemoError: FC720 if there is none.
    """
    kept = details.get("calibration")
    wanted = "temperature" if how is Calibration.temperature else "federated"
    found = kept.get(wanted) if isinstance(kept, dict) else None
    if not isinstance(found, dict):
        raise FedchemoError("FC720", f"no {wanted} calibration is kept with this model")
    return parse(Recalibrated, found, source="the model's calibration", code="FC306")


def recalibrated(
    predictions: Predictions,
    details: Mapping[str, Any],
    how: Calibration,
    own: Callable[[], tuple[Vector, Vector]],
) -> Predictions:
    """Return predictions with mended probabilities; those of the clinical part alone stay as they are.

    Args:
        predictions: of the model.
        details: what the run wrote about the model.
        how: which map.
        own: probabilities and outcomes of this hospital's validation patients; asked for ``site`` only.

    Raises:
        FedchemoError: FC720 if the model has no such map, FC306 if it was damaged.
    """
    if how is Calibration.none:
        return predictions
    found = kept_map(details, how)
    if how is Calibration.site:
        found = site_intercept(found, *own())
    return replace(predictions, probabilities=found(predictions.probabilities))
