"""A site that comes to a run that has begun: it gets a role, trains from then on, and a resumed run knows it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from flwr.app import Error, Message

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.server.events import EventLog
from fedchemo.server.resume import reopen
from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.server.rounds.joining import Newcomers
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.rounds.opening import Opening
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.simulations.simulate import local_engine
from tests.sites import write_site

RUN = {"rounds": 4, "site": {"imaging": {"enabled": False}, "training": {"learning_rate": 0.05}}}
CONFIGURATION = parse(RunConfiguration, RUN, source="test")


class Interrupted(Exception):  # noqa: N818 - no error, but the end of a process
    """The coordinator dies."""


class Comings:
    """A grid whose sites come online, and refuse, as told.

    Args:
        grid: the way to all sites.
        since: site -> how many rounds have begun when it comes online.
        refusals: site -> statistics requests that it refuses first.
    """

    def __init__(self, grid, since, refusals):
        self._grid, self._since, self._refusals = grid, since, dict(refusals)
        self.begun = 0

    def sites(self):
        everyone = self._grid.sites()
        return {site: node for site, node in everyone.items() if self.begun >= self._since.get(site, 0)}

    def members(self):
        return self._grid.members()

    def late(self):
        return self._grid.late()

    def replies(self, messages, *, timeout, go_on):
        names = {node: site for site, node in self._grid.sites().items()}
        let_through = []
        for message in messages:
            site = names[message.metadata.dst_node_id]
            if message.metadata.message_type == "query.statistics" and self._refusals.get(site, 0):
                self._refusals[site] -= 1
                message.metadata.__dict__["_message_id"] = f"refused {site}"
                yield Message(Error(900, "FC904"), reply_to=message)
            else:
                let_through.append(message)
        yield from self._grid.replies(let_through, timeout=timeout, go_on=go_on)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = tmp_path_factory.mktemp("sites")
    return [write_site(made, name, patients=60) for name in "abc"]


def run(
    folders: list[Path], out: Path, *, since=(), refusals=(), die_in: int = 0, begun: int = 0
) -> tuple[Outcome, list]:
    """Run, or resume the run in a folder; die when round ``die_in`` begins."""
    participants = [Participant(read_site(folder), out.parent / "cache") for folder in folders]
    taken = reopen(out, command="server") if out.exists() else None
    folder = taken.folder if taken else RunFolder(out)
    folder.origin = {"command": "server", "federation": "here"}
    seen: list = []

    def listen(event):
        seen.append(event)
        if event["event"] == "round_started":
            grid.begun += 1
            if event["round"] == die_in:
                raise Interrupted

    with (
        local_engine(participants, workers=1) as local,
        contextlib.closing(EventLog(folder.events, listen)) as events,
    ):
        grid = Comings(local, dict(since), dict(refusals))
        grid.begun = begun
        if taken:
            taken.announce(events, keeps_result=True)
        loop = RoundLoop(grid, CONFIGURATION, folder, events, resumed=taken.checkpoint if taken else None)
        try:
            return loop.run(), seen
        finally:
            folder.release()


def trained(seen) -> dict[int, list[str]]:
    return {event["round"]: event["sites"] for event in seen if event["event"] == "round_started"}


def test_a_newcomer_trains_from_the_next_round_on_and_changes_no_statistics(folders, tmp_path):
    joined, seen = run(folders, tmp_path / "joined", since={"c": 2})
    assert trained(seen) == {1: ["a", "b"], 2: ["a", "b"], 3: ["a", "b", "c"], 4: ["a", "b", "c"]}
    (event,) = (event for event in seen if event["event"] == "site_joined")
    assert (event["site"], event["round"], event["role"]) == ("c", 3, "train")
    two, _ = run(folders[:2], tmp_path / "two")
    assert joined.opening.statistics == two.opening.statistics
    assert joined.baseline.tobytes() == two.baseline.tobytes()
    assert sorted(joined.opening.roles) == ["a", "b", "c"]
    assert joined.weights.tobytes() != two.weights.tobytes()


def test_without_newcomers_nothing_is_different(folders, tmp_path):
    _, seen = run(folders, tmp_path / "run")
    asked = [
        event for event in seen if event["event"] == "exchange_started" and event["kind"] == "statistics"
    ]
    assert len(asked) == 1


def test_a_resumed_run_knows_who_has_joined_and_ends_with_the_same_bits(folders, tmp_path):
    whole, _ = run(folders, tmp_path / "whole", since={"c": 2})
    with pytest.raises(Interrupted):
        run(folders, tmp_path / "killed", since={"c": 2}, die_in=4)
    resumed, seen = run(folders, tmp_path / "killed")
    assert trained(seen) == {4: ["a", "b", "c"]}
    assert not [event for event in seen if event["event"] == "site_joined"]
    assert resumed.weights.tobytes() == whole.weights.tobytes()


def test_who_refuses_is_asked_again_more_rarely_each_time(folders, tmp_path):
    # At the opening, in round 1, and not before round 2; then it says yes.
    _, seen = run(folders, tmp_path / "run", refusals={"c": 2})
    assert trained(seen)[2] == ["a", "b", "c"]
    refused = [event["round"] for event in seen if event["event"] == "site_failed"]
    assert refused == [0, 1]
    _, seen = run(folders, tmp_path / "never", refusals={"c": 100})
    assert [event["round"] for event in seen if event["event"] == "site_failed"] == [0, 1, 2, 4]
    assert all(sites == ["a", "b"] for sites in trained(seen).values())


def test_a_site_may_be_gone_for_good(folders, tmp_path):
    with pytest.raises(Interrupted):
        run(folders, tmp_path / "run", die_in=3)
    _, seen = run(folders[:2], tmp_path / "run")
    assert trained(seen) == {3: ["a", "b"], 4: ["a", "b"]}
    assert seen[-1]["outcome"] == "completed"


def test_who_answers_late_is_asked_again_in_the_next_round_and_others_after_a_pause(monkeypatch):
    """A hospital that prepares its images first, or asks a person, is let in as soon as it is ready."""
    asked = []
    monkeypatch.setattr(
        "fedchemo.server.rounds.joining.ask_roles",
        lambda exchanges, terms, sites, *, round_number: asked.append((round_number, *sites)) or {},
    )

    class Grid:
        came: dict[str, float] = {}

        def sites(self):
            return {"a": 1, "busy": 2, "refuses": 3}

        def late(self):
            return self.came

    opening = Opening({"a": "train"}, None, {})
    exchanges = Exchanges(Grid(), EventLog(), 1, 600.0, 600.0)
    newcomers = Newcomers(exchanges, None)
    exchanges.unanswered.note("m", kind="statistics", round_number=1, site="busy", sent=0.0)
    for number in range(1, 9):
        if number == 7:
            exchanges.grid.came = {"m": 1.0}
        newcomers.welcome(number, opening)
    assert asked == [
        (1, "busy", "refuses"),
        (2, "busy", "refuses"),
        (4, "busy", "refuses"),
        (7, "busy"),
        (8, "refuses"),
    ]
