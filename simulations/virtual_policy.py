"""The policy of a virtual hospital: nobody's records are behind it that its owner does not have anyway."""

from __future__ import annotations

from fedchemo.client.policy import Policy


def virtual_policy(minimum_patients: int) -> Policy:
    """Return a policy under which the minimum counts the whole cohort, and a study may use and try what it likes.

    Args:
        minimum_patients: sites with fewer labelled patients take part in evaluation only.
    """
    return Policy(
        training_patients=1,
        patients=minimum_patients,
        arm=True,
        race=True,
        largest_update_norm="none",
        smallest_batch=1,
        largest_forgetting="none",
        largest_batch_gb="none",
        image_settings=1000,
    )
