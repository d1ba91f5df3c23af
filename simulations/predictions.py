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
    from fedchemo.shared.wire.records import Weights

FILE = "predictions.parquet"
ABOUT = ("site", "patient", "outcome")
"""The columns that are there for every model; each model has one of its name, with its probabilities."""


def predict_test(
    participants: Mapping[str, Participant],
    configuration: RunConfiguration,
    outcome: Outcome,
    models: Mapping[str, Mapping[str, Weights]],
) -> pd.DataFrame:
    """Return a row a test patient.

    Args:
        participants: the virtual hospitals.
        configuration: of the run.
        outcome: of the run.
        models: name -> hospital -> weights; where a hospital has none of its own, the run's result.
    """
    parts = []
    for name, site in sorted(participants.items()):
        found = {
            model: site.probabilities(
                "test", configuration.site, outcome.opening.statistics, own.get(name, outcome.weights)
            )
            for model, own in models.items()
        }
        patients, _, labels = next(iter(found.values()))
        columns = {model: probabilities for model, (_, probabilities, _) in found.items()}
        parts.append(
            pd.DataFrame({"site": name, "patient": list(patients), "outcome": labels > 0.5, **columns})
        )
    return pd.concat(parts, ignore_index=True)


def exact_figures(predictions: pd.DataFrame) -> dict[str, Rows]:
    """Return the figures of each model, by site and over all."""
    return {
        str(model): from_predictions(
            {
                str(site): (rows[model].to_numpy(), rows["outcome"].to_numpy(dtype=np.bool_))
                for site, rows in predictions.groupby("site")
            }
        )
        for model in predictions.columns
        if model not in ABOUT
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
        found = pd.read_parquet(path)
        if missing := {*ABOUT, "model", "baseline"} - set(found.columns):
            raise FedchemoError("FC780", f"{path} lacks {', '.join(sorted(missing))}")
    except (OSError, ValueError) as error:
        raise FedchemoError("FC780", f"{path}: {type(error).__name__}") from error
    return found
