"""The policy: can it be used, and does a run get anywhere with it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fedchemo.client.policy import Policy
from fedchemo.client.policy import file as policy_file
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.findings import Finding, Part

PART = Part("policy")


def read_policy(path: Path) -> Policy:
    """Return the policy, or the defaults if there is no file yet.

    Raises:
        FedchemoError: FC920, FC921.
    """
    return policy_file.read(path) if path.exists() else Policy()


def check_policy(path: Path, training_patients: int | None) -> Iterator[Finding]:
    """Look at the policy of a state folder.

    Args:
        path: of the file, which need not be there yet.
        training_patients: of the site; None if they are not known.
    """
    try:
        policy = read_policy(path)
    except FedchemoError as error:
        yield PART.error("file", error)
        return
    told = f'approvals = "{policy.approvals}"'
    if path.exists():
        yield PART.passes("file", f"{path}: {told}")
    else:
        yield PART.passes("file", f"none yet; it will be made with safe defaults: {told}")
    if training_patients is not None and training_patients < policy.training_patients:
        yield PART.warns(
            "training",
            f"{training_patients} training patients, and {policy.training_patients} are demanded: no update leaves",
            "Add patients; until then the site takes part in evaluation only.",
            code="FC901",
        )
