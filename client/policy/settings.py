"""What this hospital allows, whatever the coordinator asks: the settings, their ranges and their defaults."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from fedchemo.client.policy.hours import parse_spans
from fedchemo.shared.configuration import Settings

Minimum = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Approvals = Literal["never", "ask", "once", "always"]
Metric = Literal["training_loss", "validation", "test"]
"""What a site may tell about a model: the loss it trained with, and scores on validation or on test patients."""


def _hours(value: Literal["always"] | tuple[str, ...]) -> Literal["always"] | tuple[str, ...]:
    if value != "always":
        parse_spans(value)
    return value


class Policy(Settings):
    """One hospital's policy; the defaults are what a data officer would ask for.

    `fedchemo.client.policy.keys` says the same for people, and `policy.toml` is made from it.
    """

    # A person is asked once a run, before any patient is touched: less would be no consent, more would be clicked away.
    approvals: Approvals = "ask"
    # Half of the hour that a coordinator waits by default, so that it hears a numbered refusal and not silence.
    approval_wait_minutes: Annotated[float, Field(ge=0, le=7 * 24 * 60)] = 30.0
    hours: Annotated[Literal["always"] | tuple[str, ...], AfterValidator(_hours)] = "always"

    # An update from fewer patients says too much about each of them.
    training_patients: Minimum = 20
    patients: Minimum = 1
    """Labelled patients the whole cohort must have before the site trains."""
    patients_behind_a_statistic: Minimum = 5
    patients_of_each_class_behind_a_metric: Minimum = 5
    metrics: Literal["all", "none"] | tuple[Metric, ...] = "all"
    """``none``: updates and their counts leave, and no score ever."""

    # The default model has norm 41. An update had norm 1.4 after an epoch of 13 steps at the default learning rate, 3
    # after ten epochs, 21 after five at ten times that rate, and 197 where training ran away: only that is cut.
    largest_update_norm: Annotated[float, Field(gt=0, le=1e9)] | Literal["none"] = 100.0
    """L2 norm of the difference between the weights sent back and those received; a longer one is cut to it."""
    # 400 MB of float32: a hundred times the default model, and little enough not to fill a machine's memory.
    largest_model_parameters: Annotated[int, Field(strict=True, ge=1, le=10**10)] = 100_000_000

    # Below it, single records could be read off the noise of single steps; the default batch has 8.
    smallest_batch: Annotated[int, Field(strict=True, ge=1, le=1024)] = 4
    # At 0.1 some 19 batches still count about alike; at 1 only the last one does. The default is 1e-7.
    largest_forgetting: Annotated[float, Field(gt=0, le=1)] | Literal["none"] = 0.1
    """Learning rate x (weight decay + proximal mu): by how much a step takes back those before it."""
    # Batches of 8 of the largest grid take 0.4 GB, of 32 of the default grid 0.04 GB.
    largest_batch_gb: Annotated[float, Field(gt=0, le=10_000)] | Literal["none"] = 2.0
    # 256 patients of the default grid take 170 MB a setting, of the largest grid 6 GB.
    image_settings: Annotated[int, Field(strict=True, ge=1, le=1000)] = 4
    """Different preparations of the images that are kept; the one that was not used for longest goes."""

    images: StrictBool = True
    # The two that single out few patients or could be misread; a hospital that agrees says so.
    arm: StrictBool = False
    race: StrictBool = False

    # This release has neither; whoever needs one must be able to say so now.
    secure_aggregation_required: StrictBool = False
    noise_required: StrictBool = False

    def may_leave(self, metric: Metric) -> bool:
        """Tell whether a metric may leave if enough patients stand behind it."""
        return self.metrics == "all" or (self.metrics != "none" and metric in self.metrics)

    @property
    def update_norm(self) -> float:
        """The largest norm of an update, infinite for none."""
        return math.inf if self.largest_update_norm == "none" else self.largest_update_norm

    @property
    def forgetting(self) -> float:
        """The largest forgetting of a step, infinite for none."""
        return math.inf if self.largest_forgetting == "none" else self.largest_forgetting

    @property
    def batch_memory(self) -> float:
        """The largest batch of images in GB, infinite for none."""
        return math.inf if self.largest_batch_gb == "none" else self.largest_batch_gb
