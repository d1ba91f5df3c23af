"""The ways in which `fedchemo evaluate` and `predict` can mend a model's probabilities."""

from __future__ import annotations

from enum import StrEnum


class Calibration(StrEnum):
    """How probabilities are mended.

    ``temperature`` and ``federated`` (slope and intercept) were fitted on the validation patients of all sites;
    ``site`` adds the intercept that suits this hospital's own validation patients, which stays here.
    """

    none = "none"
    temperature = "temperature"
    federated = "federated"
    site = "site"
