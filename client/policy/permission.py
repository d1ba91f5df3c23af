"""Whether the policy allows what a request asks; looked at before any patient's data is touched."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from fedchemo.client.policy.hours import is_open
from fedchemo.client.policy.limits import check_batch_memory, check_training
from fedchemo.client.policy.settings import Policy
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import Request

if TYPE_CHECKING:
    from fedchemo.client.cohort import Cohort


def check(policy: Policy, request: Request, *, now: dt.datetime) -> None:
    """Refuse a request that the policy does not allow; ``now`` is local time.

    Raises:
        FedchemoError: FC905, FC906, FC907, FC908, FC909, FC913 or FC916, the first that applies.
    """
    if policy.approvals == "never":
        raise FedchemoError("FC905", 'the policy says approvals = "never"')
    if not is_open(policy.hours, now):
        raise FedchemoError("FC908", f"it is {now:%a %H:%M}, and the policy says hours = {policy.hours}")
    for needed, name in (
        (policy.secure_aggregation_required, "secure_aggregation_required"),
        (policy.noise_required, "noise_required"),
    ):
        if needed:
            raise FedchemoError("FC909", f"the policy says {name} = true")
    configuration = request.configuration
    if configuration.imaging.enabled and not policy.images:
        raise FedchemoError("FC906", "the run looks at images, and the policy says images = false")
    if configuration.clinical.arms and not policy.arm:
        raise FedchemoError("FC907", "the run uses the treatment arm, and the policy says arm = false")
    check_training(policy, configuration.training)
    check_batch_memory(policy, configuration.imaging, configuration.training.batch_size)


def check_size(policy: Policy, parameters: int) -> None:
    """Refuse a model with more weights than the policy allows.

    Raises:
        FedchemoError: FC912.
    """
    if parameters > policy.largest_model_parameters:
        raise FedchemoError(
            "FC912", f"{parameters} weights; the policy allows {policy.largest_model_parameters}"
        )


def allowed_part(cohort: Cohort, policy: Policy) -> Cohort:
    """Return the cohort without what the policy keeps from use, so that no later mistake can use it."""
    withheld = [name for name in ("arm", "race") if not getattr(policy, name)]
    clinical = cohort.clinical.assign(**dict.fromkeys(withheld)) if withheld else cohort.clinical
    images = cohort.images if policy.images else {}
    return dataclasses.replace(cohort, clinical=clinical, images=images)
