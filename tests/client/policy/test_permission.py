"""The policy against what a coordinator asks, and against the cohort."""

from __future__ import annotations

import datetime as dt

import pytest

from fedchemo.client.cohort import read_site
from fedchemo.client.policy import Policy
from fedchemo.client.policy.permission import allowed_part, check, check_size
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import StatisticsRequest
from tests.sites import write_site

NOON = dt.datetime(2024, 1, 1, 12)  # noqa: DTZ001 - local time of nowhere, a Monday


def request(**configuration):
    return StatisticsRequest(
        run="r", fingerprint="0" * 64, configuration=SiteConfiguration.model_validate(configuration)
    )


CLINICAL = {"imaging": {"enabled": False}}
ARMS = {"clinical": {"arms": ["Paclitaxel"]}}


@pytest.mark.parametrize(
    ("policy", "configuration", "code"),
    [
        ({"approvals": "never"}, {}, "FC905"),
        ({"images": False}, {}, "FC906"),
        ({"images": False}, CLINICAL, None),
        ({}, ARMS, "FC907"),
        ({"arm": True}, ARMS, None),
        ({"hours": ("Tue 00:00-24:00",)}, {}, "FC908"),
        ({"hours": ("Mon 12:00-13:00",)}, {}, None),
        ({"secure_aggregation_required": True}, CLINICAL, "FC909"),
        ({"noise_required": True}, CLINICAL, "FC909"),
        ({}, {}, None),
    ],
)
def test_what_a_policy_refuses(policy, configuration, code):
    asked = request(**configuration)
    if code is None:
        check(Policy(**policy), asked, now=NOON)
    else:
        with pytest.raises(FedchemoError, match=code):
            check(Policy(**policy), asked, now=NOON)


def test_a_model_larger_than_allowed():
    check_size(Policy(largest_model_parameters=10), 10)
    with pytest.raises(FedchemoError, match="FC912"):
        check_size(Policy(largest_model_parameters=10), 11)


def test_what_may_not_be_used_is_not_even_kept(tmp_path):
    folder = write_site(tmp_path, "a", patients=10, images=2)
    table = (folder / "clinical.csv").read_text().splitlines()
    table = [
        f"{line},{tail}" for line, tail in zip(table, ["race,arm"] + ["White,Control"] * 10, strict=True)
    ]
    (folder / "clinical.csv").write_text("\n".join(table))
    cohort = read_site(folder)
    assert set(cohort.clinical["race"]) == {"White"}

    kept = allowed_part(cohort, Policy(images=False))
    assert kept.clinical[["race", "arm"]].isna().all(axis=None)
    assert list(kept.clinical.columns) == list(cohort.clinical.columns)
    assert not kept.images
    whole = allowed_part(cohort, Policy(arm=True, race=True))
    assert whole.clinical.equals(cohort.clinical)
    assert whole.images == cohort.images
