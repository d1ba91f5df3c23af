"""A site whose sums do not fit fails alone: the run opens with the others."""

from __future__ import annotations

import pytest

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.server.events import EventLog
from fedchemo.server.rounds.loop import RoundLoop
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.simulations.simulate import local_engine
from tests.sites import write_site

CONFIGURATION = parse(RunConfiguration, {"rounds": 1, "site": {"imaging": {"enabled": False}}}, source="test")


class WrongSums(Participant):
    """Sends one variable too few."""

    def statistics(self, request):
        reply = super().statistics(request)
        return reply.model_copy(update={"moments": reply.moments[:-1]})


class WrongGradient(Participant):
    """Sends one coefficient too few."""

    def logistic(self, request):
        reply = super().logistic(request)
        return reply.model_copy(update={"gradient": reply.gradient[:-1]})


@pytest.mark.parametrize("faulty", [WrongSums, WrongGradient])
def test_sums_of_the_wrong_length_are_that_sites_failure(tmp_path, faulty):
    kinds = {"a": Participant, "b": Participant, "c": faulty}
    participants = [
        kind(read_site(write_site(tmp_path, name, patients=50)), tmp_path / "cache")
        for name, kind in kinds.items()
    ]
    seen = []
    with local_engine(participants) as grid:
        outcome = RoundLoop(
            grid, CONFIGURATION, RunFolder(tmp_path / "run"), EventLog(None, seen.append)
        ).run()
    failed = {(event["site"], event["code"]) for event in seen if event["event"] == "site_failed"}
    assert ("c", "FC304") in failed
    assert {"a", "b"} <= set(outcome.opening.sites("train"))
    assert seen[-1]["outcome"] == "completed"
