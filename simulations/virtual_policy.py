"""The policy of a virtual hospital: nobody's records are behind it that its owner does not have anyway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedchemo.client.policy import Policy


def virtual_policy(minimum_patients: int, demands: Mapping[str, Any] | None = None) -> Policy:
    """Return a policy under which the minimum counts the whole cohort, and a study may use and try what it likes.

    Args:
        minimum_patients: sites with fewer labelled patients take part in evaluation only.
        demands: keys of ``policy.toml`` that this hospital sets otherwise, to try what its demands cost.

    Raises:
        pydantic.ValidationError: if a demand is none of a policy's.
    """
    lenient: dict[str, Any] = {
        "training_patients": 1,
        "patients": minimum_patients,
        "arm": True,
        "race": True,
        "largest_update_norm": "none",
        "smallest_batch": 1,
        "largest_forgetting": "none",
        "largest_batch_gb": "none",
        "image_settings": 1000,
    }
    return Policy.model_validate(lenient | dict(demands or {}))
