"""What a simulation predicts for its test patients: the table that its exact figures, and the report's, come from.

A networked run has no such table: there nobody's prediction leaves its hospital.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedchemo.server.summary import Rows, from_predictions
from fedchemo.shared.atomic import replacing
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    from fedchemo.client.participant import Participant
    from fedchemo.server.rounds.loop import Outcome
    from fedchemo.shared.configuration import RunConfiguration

FILE = "predictions.parquet"
MODELS = ("model", "baseline")
_COLUMNS = ("site", "patient", "outcome", *MODELS)


def predict_test(
    participants: Mapping[str, Participant], configuration: RunConfiguration, outcome: Outcome
) -> pd.DataFrame:
    """Return a row a test patient: site, patient, outcome, and the probabilities of model and clinical baseline."""
    parts = []
    for name, site in sorted(participants.items()):
        found = [
            site.probabilities("test", configuration.site, outcome.opening.statistics, weights)
            for weights in (outcome.weights, outcome.baseline)
        ]
        patients, _, labels = found[0]
        columns = {model: probabilities for model, (_, probabilities, _) in zip(MODELS, found, strict=True)}
        parts.append(
            pd.DataFrame({"site": name, "patient": list(patients), "outcome": labels > 0.5, **columns})
        )
    return pd.concat(parts, ignore_index=True)[list(_COLUMNS)]


def exact_figures(predictions: pd.DataFrame) -> dict[str, Rows]:
    """Return the figures of ``model`` and ``baseline``, by site and over all."""
    return {
        model: from_predictions(
            {
                str(site): (rows[model].to_numpy(), rows["outcome"].to_numpy(dtype=np.bool_))
                for site, rows in predictions.groupby("site")
            }
        )
        for model in MODELS
    }


def write_predictions(predictions: pd.DataFrame, folder: Path) -> None:
    """Write the table for its owner's eyes only: it is per patient.

    Raises:
        FedchemoError: FC004 if the folder cannot be written.
    """
    with replacing(folder / FILE, mode=0o600) as part:
        predictions.to_parquet(part, index=False)


def read_predictions(folder: Path) -> pd.DataFrame | None:
    """Return the table of a run folder; None if it has none.

    Raises:
        FedchemoError: FC780 if it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return pd.read_parquet(path, columns=list(_COLUMNS))
    except (OSError, ValueError) as error:
        raise FedchemoError("FC780", f"{path}: {type(error).__name__}") from error
