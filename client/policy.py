"""What this hospital allows, whatever the coordinator asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fedchemo.shared.configuration import Settings

Minimum = Annotated[int, Field(ge=1, le=100_000)]


class Policy(Settings):
    """Minimums behind everything that leaves; the defaults are what a data officer would ask for."""

    # An update from fewer patients says too much about each of them.
    training_patients: Minimum = 20
    patients: Minimum = 1
    """Labelled patients the whole cohort must have before the site trains."""
    patients_behind_a_statistic: Minimum = 5
    patients_of_each_class_behind_a_metric: Minimum = 5
    metrics: bool = True
    """False: updates and their counts leave, and no score ever."""
