"""Real parties over TLS, each on a machine that fails: what it costs the others, and that nothing is lost for good."""

from __future__ import annotations

import os
import random

import pytest

from tests.federation.chaos.campaign import Campaign
from tests.federation.chaos.clock import built
from tests.federation.chaos.consortium import consortium, is_free, until
from tests.federation.chaos.disk import may_mount
from tests.federation.chaos.faults import FAULTS
from tests.federation.chaos.forge import forge

pytestmark = pytest.mark.network

PATIENTS = {"A": 60, "B": 50, "C": 70}
RUN = {"rounds": 60, "quorum": 2, "deadline_s": 3.0}
SEED = int(os.environ.get("CHAOS_SEED", "0"))


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return built(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def campaign(tmp_path_factory, clock):
    with (
        forge(clock=clock) as forged,
        consortium(tmp_path_factory.mktemp("chaos"), forged, PATIENTS) as parties,
    ):
        parties.long_s = (4.0, 5.0)  # longer than an exchange may take
        yield Campaign(parties, RUN, random.Random(SEED))


@pytest.mark.parametrize("kind", FAULTS)
def test_the_others_go_on_and_whoever_was_struck_comes_back(kind, campaign, clock, record_property, capsys):
    if FAULTS[kind].needs == "clock" and clock is None:
        pytest.skip("needs a C compiler, to set the clock of one process")
    if FAULTS[kind].needs == "disk" and not may_mount():
        pytest.skip("needs to be allowed to mount a small disk")
    struck = campaign.strike(kind)
    told = f"{kind} ({struck.target}: {struck.detail}): the others waited {struck.waited_s} s; lost: " + (
        ", ".join(struck.lost) or "nothing"
    )
    record_property("chaos", told)
    with capsys.disabled():
        print(f"\n  {told}")  # noqa: T201 - a figure for whoever reads
    assert struck.survived, f"seed {SEED}: {told}\n{campaign.consortium.coordinator.log.read_text()[-3000:]}"


def test_every_model_is_that_of_the_replies_that_counted(campaign):
    campaign.finish()
    assert campaign.checks, "runs have ended"
    assert not campaign.broken, f"seed {SEED}"


def test_no_process_and_no_port_is_left_behind(campaign):
    parties = campaign.consortium
    assert set(parties.close().values()) == {0}, "every party ends when it is asked to"
    assert until(lambda: not parties.forge.descendants(), seconds=20), parties.forge.descendants()
    assert is_free(parties.port)
