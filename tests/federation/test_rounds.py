"""Rounds of real hospitals, each a process: many at once, slow ones, late, lost and new ones, and those who leave."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.members import add, revoke
from fedchemo.server.attendance import attendance
from fedchemo.server.events import EventLog
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.history import counted_events, every_event
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.rounds.patience import Patience
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.simulations.simulate import local_engine, simulate
from tests.forked_hospitals import Hospitals, hospitals
from tests.networked import federation, until
from tests.sites import write_site

pytestmark = pytest.mark.network
PATIENTS = 60


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Iterator[Hospitals]:
    with hospitals(tmp_path_factory.mktemp("hospitals")) as made:
        yield made


def content(rounds: int, quorum: int, **more: Any) -> dict[str, Any]:
    site = {"imaging": {"enabled": False}, "training": {"learning_rate": 0.05}}
    return {"rounds": rounds, "quorum": quorum, "site": site, **more}


class Run:
    """A run whose coordinator is a thread of the test."""

    def __init__(self, fed: FederationFolder, out: Path, run: dict[str, Any], *, lost_after_s: float) -> None:
        self.seen: list[dict[str, Any]] = []
        self.out = out
        self._fed, self._lost_after_s = fed, lost_after_s
        self._configuration = parse(RunConfiguration, run, source="test")
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._coordinate)

    def _coordinate(self) -> Outcome:
        run, folder = self._configuration, RunFolder(self.out)
        events = EventLog(folder.events, lambda event: self.seen.append(dict(event)))
        patience = Patience(factor=run.patience, floor_s=run.patience_floor_s) if run.patience else None
        with (
            contextlib.closing(events),
            Coordinator(
                self._fed.path,
                lost_after_s=self._lost_after_s,
                tell=lambda kind, told: events.emit(kind, **told),
            ) as coordinator,
            coordinator.grid() as grid,
        ):
            return RoundLoop(grid, run, folder, events, patience=patience).run()

    def of(self, name: str, /, **wanted: Any) -> list[dict[str, Any]]:
        """Return the events of a name so far that have these details."""
        return matching(list(self.seen), name, wanted)

    def waits_for(self, name: str, /, **wanted: Any) -> dict[str, Any]:
        """Wait for an event."""

        def look() -> list[dict[str, Any]]:
            assert not self._done.done() or self._done.exception() is None, self._done.exception()
            return self.of(name, **wanted)

        return until(look, seconds=120, what=f"{name} {wanted}")[0]

    def ended(self) -> Outcome:
        """Wait for the end."""
        try:
            return self._done.result(timeout=120)
        finally:
            self._pool.shutdown(wait=False)


def matching(events: list[dict[str, Any]], name: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a name that have these details."""
    return [event for event in events if event["event"] == name and wanted.items() <= event.items()]


def trained_in(events: list[dict[str, Any]], number: int) -> list[str]:
    """Return who was asked to train in a round, at its last attempt."""
    return [
        event["sites"] for event in events if event["event"] == "round_started" and event["round"] == number
    ][-1]


def simulated(folders: list[Path], run: dict[str, Any], out: Path) -> Outcome:
    """Return what the same sites give when none of them ever fails."""
    return simulate(
        folders,
        parse(RunConfiguration, run, source="test"),
        RunFolder(out),
        cache=out.parent / "cache",
        device="cpu",
        engine=partial(local_engine, workers=1),
    ).outcome


@pytest.mark.slow
def test_twenty_processes_finish_a_run_with_the_simulated_bits(started, tmp_path):
    names = tuple(f"site{number:02d}" for number in range(20))
    folders = [write_site(tmp_path / "sites", name, patients=PATIENTS) for name in names]
    fed = federation(tmp_path / "fed", sites=names)
    run = content(2, 20, wait_s=120)
    processes = [started.start(fed.kit(name), folder) for name, folder in zip(names, folders, strict=True)]
    assert len({process.pid for process in processes}) == 20
    done = Run(fed, tmp_path / "run", run, lost_after_s=20)
    outcome = done.ended()
    assert outcome.weights.tobytes() == simulated(folders, run, tmp_path / "simulated").weights.tobytes()
    counted = attendance(done.seen)
    assert sorted(counted) == sorted(names)
    assert all(not (one["failed"] or one["silent"] or one["late"]) for one in counted.values())
    for process in processes:
        process.signal(signal.SIGTERM)
    for process in processes:
        until(lambda process=process: process.of("stopped"), what="each ends when it is told to")


def test_long_training_is_not_death_and_a_lost_site_comes_back_under_its_name(started, tmp_path):
    """Site B computes for three heartbeat limits in round 1; in round 2 its machine hangs."""
    names, go = ("A", "B"), tmp_path / "go"
    folders = [write_site(tmp_path / "sites", name, patients=PATIENTS) for name in names]
    fed = federation(tmp_path / "fed", sites=names)
    steady = started.start(fed.kit("A"), folders[0], heartbeat=1.0, hold={"3": str(go)})
    frozen = started.start(
        fed.kit("B"), folders[1], heartbeat=1.0, busy_s={"1": 9.0}, hold={"2": str(tmp_path / "thawed")}
    )
    run = Run(fed, tmp_path / "run", content(4, 1), lost_after_s=3.0)
    until(lambda: {"round": 2} in frozen.of("asked_to_train"), seconds=120, what="B in round 2")
    assert run.of("site_answered", kind="train", round=1, site="B"), "B was not taken for lost"
    assert not run.of("site_failed")
    frozen.signal(signal.SIGSTOP)
    lost = run.waits_for("site_failed", site="B")
    assert (lost["code"], lost["kind"], lost["round"]) == ("FC611", "train", 2)
    run.waits_for("round_started", round=3, sites=["A"])
    (tmp_path / "thawed").touch()
    frozen.signal(signal.SIGCONT)
    late = run.waits_for("late_reply")
    assert (late["kind"], late["round"], late["site"]) == ("train", 2, "B")
    go.touch()
    run.ended()
    assert trained_in(run.seen, 4) == ["A", "B"]
    assert run.of("site_answered", kind="train", round=4, site="B")
    assert len(run.of("late_reply")) == 1
    assert attendance(run.seen)["B"]["late"] == 1
    assert steady.of("asked_to_train") == [{"round": number} for number in (1, 2, 3, 4)]


def test_a_quorum_that_is_lost_on_the_way_is_waited_for_and_the_model_has_the_same_bits(started, tmp_path):
    names = ("A", "B")
    folders = [write_site(tmp_path / "sites", name, patients=PATIENTS) for name in names]
    fed = federation(tmp_path / "fed", sites=names)
    started.start(fed.kit("A"), folders[0], heartbeat=1.0)
    cut_off = started.start(fed.kit("B"), folders[1], heartbeat=1.0, hold={"2": str(tmp_path / "go")})
    configured = content(3, 2)
    run = Run(fed, tmp_path / "run", configured, lost_after_s=3.0)
    until(lambda: {"round": 2} in cut_off.of("asked_to_train"), seconds=120, what="B in round 2")
    cut_off.signal(signal.SIGSTOP)
    lost = run.waits_for("quorum_lost")
    assert (lost["exchange"], lost["failures"]) == ("round 2", {"B": "FC611"})
    run.waits_for("waiting", missing=["B"])
    (tmp_path / "go").touch()
    cut_off.signal(signal.SIGCONT)
    outcome = run.ended()
    assert len(run.of("round_started", round=2)) == 2
    assert (
        outcome.weights.tobytes() == simulated(folders, configured, tmp_path / "simulated").weights.tobytes()
    )


def test_a_site_far_beyond_its_usual_time_is_not_waited_for_and_its_late_reply_is_counted_once(
    started, tmp_path
):
    names, go = ("A", "B", "C"), tmp_path / "go"
    folders = [write_site(tmp_path / "sites", name, patients=PATIENTS) for name in names]
    fed = federation(tmp_path / "fed", sites=names)
    for name, folder in zip(names, folders, strict=True):
        # C hangs in round 3; A sees to it that the run does not end before C's answer has come.
        hold = {"A": {"5": str(tmp_path / "late came")}, "C": {"3": str(go)}}.get(name)
        started.start(fed.kit(name), folder, hold=hold)
    run = Run(fed, tmp_path / "run", content(6, 2, patience=1.5, patience_floor_s=3.0), lost_after_s=20)
    cut = run.waits_for("wait_cut_short", round=3)
    assert cut["sites"] == ["C"]
    silent = run.waits_for("site_silent", round=3)
    assert (silent["site"], silent["online"]) == ("C", True)
    run.waits_for("round_started", round=4)
    assert not run.of("late_reply")
    go.touch()
    late = run.waits_for("late_reply", kind="train", round=3)
    assert late["site"] == "C"
    (tmp_path / "late came").touch()
    run.ended()
    assert len(run.of("late_reply", kind="train", round=3)) == 1
    assert not run.of("site_answered", kind="train", round=3, site="C"), "nothing is counted twice"
    assert run.of("site_answered", kind="train", round=6, site="C")
    (ended,) = run.of("exchange_ended", kind="train", round=3)
    assert (ended["answered"], ended["silent"]) == (2, ["C"])


def test_a_hospital_joins_one_leaves_and_the_resumed_run_knows(started, tmp_path):
    names, out = ("A", "B"), tmp_path / "run"
    fed = federation(tmp_path / "fed", sites=names)
    authority = Authority.load(fed, passphrase=passphrase_of)
    folders = {name: write_site(tmp_path / "sites", name, patients=PATIENTS) for name in "ABC"}

    def events() -> list[dict[str, Any]]:
        return [dict(event) for event in every_event(out / "events.jsonl")]

    def came(name: str, /, **wanted: Any) -> dict[str, Any]:
        return until(lambda: matching(events(), name, wanted), seconds=120, what=f"{name} {wanted}")[-1]

    hold = {number: str(tmp_path / f"go {number}") for number in ("2", "4")}
    started.start(fed.kit("A"), folders["A"], hold=hold)
    started.start(fed.kit("B"), folders["B"])
    run = content(6, 2)
    coordinator = started.coordinate(fed.path, run, out)
    came("round_started", round=2)

    add(fed, authority, ["C"], days=30)
    came("site_admitted", site="C")
    joining = started.start(fed.kit("C"), folders["C"])
    came("site_online", site="C")
    (tmp_path / "go 2").touch()
    joined = came("site_joined")
    assert (joined["site"], joined["round"], joined["role"]) == ("C", 3, "train")
    assert came("round_started", round=3)["sites"] == ["A", "B", "C"]
    came("round_started", round=4)
    until(lambda: {"round": 4} in joining.of("asked_to_train"), seconds=60, what="C in round 4")

    revoke(fed, authority, ["B"])
    came("site_removed", site="B")
    started.kill(coordinator)
    started.coordinate(fed.path, run, out)
    came("resumed", round=3)
    (tmp_path / "go 4").touch()
    assert came("run_ended")["outcome"] == "completed"

    told = [dict(event) for event in counted_events(out / "events.jsonl")]
    assert [trained_in(told, number) for number in (3, 4, 5, 6)] == [["A", "B", "C"], *[["A", "C"]] * 3]
    names_of = [event["event"] for event in told]
    since = told[names_of.index("resumed") :]
    assert not [event for event in since if event["event"] == "waiting" and "B" in event["missing"]]
    summary = json.loads((out / "summary.json").read_text())
    assert sorted(summary["sites"]) == ["A", "B", "C"]
    # The federation's statistics are those of the two that began it.
    two = simulated([folders["A"], folders["B"]], content(1, 2), tmp_path / "two")
    described = json.loads((out / "model.json").read_text())["statistics"]
    assert described == json.loads(two.opening.statistics.model_dump_json())
