"""Real parties over TLS, each on a machine that fails: what it costs the others, and that nothing is lost for good."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys

import pytest

from tests.federation.chaos.campaign import Campaign
from tests.federation.chaos.clock import built
from tests.federation.chaos.consortium import consortium, is_free, until
from tests.federation.chaos.disk import may_mount
from tests.federation.chaos.faults import FAULTS
from tests.federation.chaos.forge import forge
from tests.federation.chaos.history import History

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for what is left behind in /proc"),
]

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


def test_one_reply_more_or_one_line_less_would_have_been_seen(campaign, tmp_path):
    run, parties = campaign.finish(), campaign.consortium
    history = History.read(run)
    answer = [event for event in history.of("site_answered") if event["kind"] == "train"][-1]
    other = shutil.copytree(run, tmp_path / "run")
    events, uncounted = (other / "events.jsonl").read_bytes(), json.dumps(answer, ensure_ascii=False).encode()
    assert events.count(uncounted) == 1
    # As long as before: a resumed run tells by byte what of the file is void.
    (other / "events.jsonl").write_bytes(
        events.replace(uncounted, uncounted.replace(b"site_answered", b"SITE_ANSWERED"))
    )
    state = tmp_path / "state"
    shutil.copytree(parties.hospitals["A"].state / "ledger", state / "ledger")
    shutil.copy(parties.hospitals["A"].state / "ledger.head", state)
    lines = (state / "ledger" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (state / "ledger" / "ledger.jsonl").write_bytes(b"".join(lines[:5] + lines[6:]))
    broken = parties.check(other, states={"A": state})["broken"]
    assert [what for what in broken if what.startswith(f"the model of round {answer['round']} is not")]
    assert [what for what in broken if what.startswith("the ledger of A: ")]


def test_no_process_and_no_port_is_left_behind(campaign):
    parties = campaign.consortium
    assert set(parties.close().values()) == {0}, "every party ends when it is asked to"
    assert until(lambda: not parties.forge.descendants(), seconds=20), parties.forge.descendants()
    assert is_free(parties.port)
