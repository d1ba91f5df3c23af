"""What a request may do to the process that trains: the client, and the run, go on. Over TLS, with real clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from unittest import mock

import pytest

from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.client.state_folder import StateFolder, StatePaths
from fedchemo.client.worker import deaths, process
from fedchemo.server.events import EventLog
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.rounds.loop import RoundLoop
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from tests import faulty
from tests.attacks.hospitals import Hospital
from tests.networked import federation, until
from tests.sites import write_site

pytestmark = [pytest.mark.network, pytest.mark.usefixtures("own_modules")]

COMMAND = [
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from tests import faulty; faulty.main()",
]


def run_of(rounds, name="trial"):
    fields = {
        "name": name,
        "rounds": rounds,
        "site": {"imaging": {"enabled": False}, "training": {"batch_size": 16}},
        "quorum": 1,
        "deadline_s": 200.0,
        "wait_s": 100.0,
    }
    return parse(RunConfiguration, fields, source="test")


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory):
    """A, in whose worker things go wrong, and B: one client each for all tests, since no request may end it."""
    folder = tmp_path_factory.mktemp("worker")
    fed = federation(folder / "fed", sites=("A", "B"))
    with ExitStack() as stack:
        grid = stack.enter_context(stack.enter_context(Coordinator(fed.path)).grid())
        stack.enter_context(mock.patch.object(process, "serve", faulty.serve))
        stack.enter_context(mock.patch.object(deaths, "killed_for_memory", return_value=0))
        clients = {
            name: stack.enter_context(
                Hospital(
                    fed.kit(name),
                    write_site(folder, name, patients=60),
                    folder / f"state-{name}",
                    hang_s=10.0,
                ).running()
            )
            for name in ("A", "B")
        }
        until(lambda: len(grid.sites()) == 2, what="both are online")
        yield grid, clients
        assert all(client.alive for client in clients.values())
        for client in clients.values():
            client.check_ledger()


def federated(grid, folder, configuration, told=None):
    """Run a federation; return its outcome and its events."""
    told = [] if told is None else told
    kept = RunFolder(folder)
    with closing(EventLog(kept.events, told.append)) as events:
        return RoundLoop(grid, configuration, kept, events).run(), told


def answers(told, site, kind="train"):
    """Return what became of a site's trainings: round -> its code, or nothing."""
    return {
        event["round"]: event.get("code", "")
        for event in told
        if event["event"] in {"site_answered", "site_failed"}
        and event["site"] == site
        and event["kind"] == kind
    }


@pytest.mark.parametrize(
    ("fault", "code"),
    [("segfault", "FC630"), ("exit", "FC630"), ("kill", "FC630"), ("hang", "FC631"), ("raise", "FC990")],
)
def test_a_round_goes_on_without_the_site_and_the_next_one_is_served(hospitals, tmp_path, fault, code):
    grid, clients = hospitals
    faulty.plan(clients["A"].state.images, round=2, fault=fault)
    outcome, told = federated(grid, tmp_path / "run", run_of(3, fault))
    assert answers(told, "A") == {1: "", 2: code, 3: ""}
    assert answers(told, "B") == {1: "", 2: "", 3: ""}
    assert outcome.marks == ()
    assert "MRN-0042" not in repr(told)


def test_a_site_that_runs_out_of_memory_answers_and_the_run_is_marked(hospitals, tmp_path):
    grid, clients = hospitals
    faulty.plan(clients["A"].state.images, round=2, fault="no memory")
    outcome, told = federated(grid, tmp_path / "run", run_of(3, "memory"))
    assert answers(told, "A") == {1: "", 2: "", 3: ""}
    parts = {
        event["round"]: event["reply"]["parts"]
        for event in told
        if event["event"] == "site_answered" and event["site"] == "A" and event["kind"] == "train"
    }
    assert parts == {1: 1, 2: 8, 3: 8}
    (mark,) = outcome.marks
    assert mark.startswith("A ran out of memory")
    assert [event["why"] for event in told if event["event"] == "not_reproducible"] == [mark]
    assert mark in (tmp_path / "run" / "rounds" / "0003.json").read_text()


class Client:
    """`fedchemo client` as a process group of its own, as a terminal starts it, with workers that can be slow."""

    def __init__(self, kit, site, state, log):
        self.state, self.log = StatePaths(state), log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "client", "--kit", str(kit), "--site", str(site), "--state", str(state),
                 "--approve-all"],
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"},
            )  # fmt: skip

    def said(self, words):
        until(lambda: words in self.log.read_text(), seconds=120, what=f"{words}:\n{self.log.read_text()}")

    def command(self, *words):
        arguments = [*COMMAND, "client", *words, "--state", str(self.state.path)]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)

    def group(self):
        """The processes of the group: number -> state, parent."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                number, rest = stat.parent.name, stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if rest[2] == str(self.process.pid):
                found[int(number)] = rest[0], int(rest[1])
        return found

    def worker(self):
        """The number of the worker: whose parent is a child of the client."""
        group = self.group()
        (found,) = [one for one, (_, up) in group.items() if group.get(up, ("", 0))[1] == self.process.pid]
        return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_client_is_paused_loses_its_worker_and_stops_cleanly(tmp_path):
    fed = federation(tmp_path / "fed", sites=("A", "B"))
    site, state = write_site(tmp_path, "A", patients=60), tmp_path / "state-A"
    images = StatePaths(state).images
    told = []

    def coordinate():
        with Coordinator(fed.path) as coordinator, coordinator.grid() as grid:
            until(lambda: len(grid.sites()) == 2, what="both are online")
            federated(grid, tmp_path / "run", run_of(4), told)

    run = threading.Thread(target=coordinate)
    with ExitStack() as stack:
        second = Hospital(fed.kit("B"), write_site(tmp_path, "B", patients=60, seed=1), tmp_path / "state-B")
        stack.enter_context(second.running())
        client = Client(fed.kit("A"), site, state, tmp_path / "A.log")
        stack.callback(client.process.kill)
        until((state / "client.pid").exists, seconds=120)
        faulty.plan(images, round=1, fault="slow")
        client.said("computing on")
        run.start()
        stack.callback(run.join, 200)

        client.said("round 1: training")
        assert client.command("pause").returncode == 0
        client.said("paused")
        until(lambda: client.group()[client.worker()][0] == "T", what="the worker is halted")
        assert not answers(told, "A")
        assert client.command("resume").returncode == 0
        client.said("goes on")
        faulty.plan(images, round=2, fault="slow")
        until(lambda: answers(told, "A").get(1) == "", seconds=60, what="round 1 is answered, later")

        client.said("round 2: training")
        os.kill(client.worker(), signal.SIGKILL)
        until(lambda: answers(told, "A").get(2) == "FC630", what="the site says that its worker died")
        faulty.plan(images, round=4, fault="slow")
        until(lambda: answers(told, "A").get(3) == "", seconds=120, what="round 3 is served")

        client.said("round 4: training")
        os.killpg(client.process.pid, signal.SIGINT)
        assert client.process.wait(timeout=60) == 0
        until(lambda: answers(told, "A").get(4) == "FC615", what="the coordinator is told that it stops")
        until(lambda: not client.group(), what="no process is left")
        run.join(timeout=120)
        assert not run.is_alive()
    assert [event["outcome"] for event in told if event["event"] == "run_ended"] == ["completed"]
    assert "Traceback" not in client.log.read_text()
    assert not verify(client.state.ledger, client.state.ledger_head).problems
    assert list(read_lines(client.state.ledger))[-1].event == "stopped"
    assert not list(state.rglob("*.part"))
    assert not client.state.process.exists()
    StateFolder(state).close()  # the lock is free

    stopped = client.command("pause")
    assert stopped.returncode == 1
    assert "FC634" in stopped.stderr
    with pytest.raises(FedchemoError, match="FC634"):
        client.state.running()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_client_that_is_ended_while_nobody_coordinates(tmp_path):
    """SIGTERM goes to every process of a service; kill -9 to the client alone, and its worker goes with it."""
    fed = federation(tmp_path / "fed", sites=("A",))
    site = write_site(tmp_path, "A", patients=60)
    for end, status in ((lambda one: os.killpg(one.pid, signal.SIGTERM), 0), (lambda one: one.kill(), -9)):
        client = Client(fed.kit("A"), site, tmp_path / "state", tmp_path / "A.log")
        try:
            client.said("no connection")
            end(client.process)
            assert client.process.wait(timeout=60) == status
            until(lambda client=client: not client.group(), what="no process is left")
        finally:
            client.process.kill()
        assert not verify(client.state.ledger, client.state.ledger_head).problems
        StateFolder(tmp_path / "state").close()
