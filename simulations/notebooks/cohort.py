"""The cohort that a notebook looks at."""

from __future__ import annotations

import os
from pathlib import Path

from fedchemo.simulations.datasets.contract import Dataset


def cohort(place: Path, *, patients: int, sites: int = 3, image_fraction: float = 1.0) -> Dataset:
    """Return I-SPY2 where ``FEDCHEMO_REALDATA`` says that it lies, else a synthetic cohort.

    Args:
        place: folder for the synthetic cohort's images.
        patients: of the synthetic cohort; I-SPY2 is whole.
        sites: of the synthetic cohort.
        image_fraction: share of the synthetic patients who have images.

    Raises:
        FedchemoError: FC002, FC70x if I-SPY2 is not as it is published.
    """
    if real := os.environ.get("FEDCHEMO_REALDATA"):
        from fedchemo.simulations.datasets.ispy2 import load

        return load(Path(real) / "ispy2")
    from fedchemo.simulations.datasets.synthetic import generate

    return generate(
        place / "synthetic", patients=patients, sites=sites, seed=0, image_fraction=image_fraction, workers=2
    )
