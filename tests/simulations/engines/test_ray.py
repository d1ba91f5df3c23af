"""Flower's own engine: the same model as the local one to the bit, what sites tell, and nothing left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import time
from functools import partial
from pathlib import Path

import pytest
from flwr.app import Message, RecordDict
from flwr.clientapp import ClientApp

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import (
    ImagingSettings,
    ModelSettings,
    RunConfiguration,
    SiteConfiguration,
    StrategySettings,
)
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.engines import flower
from fedchemo.simulations.engines import ray as engine
from fedchemo.simulations.engines.local import LocalGrid
from fedchemo.simulations.simulate import local_engine, simulate
from tests.sites import write_site

pytestmark = pytest.mark.slow

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is not there")
CONFIGURATION = RunConfiguration(
    rounds=2,
    # The actors remember at the sites what the next round and this process look for there.
    strategy=StrategySettings(name="ditto"),
    site=SiteConfiguration(
        imaging=ImagingSettings(enabled=False, grid=8),
        model=ModelSettings(widths=(4, 4, 4, 4), norm_groups=2, film_bottleneck=2),
    ),
)


@pytest.fixture
def folders(tmp_path):
    return [write_site(tmp_path / "sites", name) for name in ("A", "B", "C")]


def run(folders, out: Path, chosen):
    simulated = simulate(
        folders, CONFIGURATION, RunFolder(out), cache=out / "cache", device="cpu", engine=chosen
    )
    return simulated, (out / "model.safetensors").read_bytes()


def ray_processes() -> list[str]:
    """Return the command lines of Ray's processes that descend from this one."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    ours = {os.getpid()}
    while found := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= found
    return [lines[process] for process in ours - {os.getpid()} if "ray" in lines[process]]


@needs_ray
def test_it_gives_the_local_engines_model_and_leaves_no_process(folders, tmp_path):
    environment = {name: os.environ.get(name) for name in ("PYTHONPATH", "OMP_NUM_THREADS")}
    seen: list[str] = []
    refused: list[Message] = []

    @contextlib.contextmanager
    def watched(participants):
        """Prove that the search for processes finds them while they run."""
        with engine.ray_engine(participants, workers=1) as grid:
            seen.extend(ray_processes())
            # A request that says nothing, to see how a refusal comes back.
            refused.extend(grid.replies([Message(RecordDict(), grid.sites()["B"], "train")], timeout=30))
            yield grid

    locally, local = run(folders, tmp_path / "local", partial(local_engine, workers=1))
    simulated, ray = run(folders, tmp_path / "ray", watched)
    assert ray == local
    assert {site: own.tobytes() for site, own in simulated.personal.items()} == {
        site: own.tobytes() for site, own in locally.personal.items()
    }
    assert sorted(simulated.outcome.opening.roles) == ["A", "B", "C"]
    assert {name: os.environ.get(name) for name in environment} == environment
    end = time.monotonic() + 20
    while (left := ray_processes()) and time.monotonic() < end:
        time.sleep(0.05)
    assert seen
    assert [reply.error.reason for reply in refused] == ["FC304"]
    events = map(json.loads, (tmp_path / "ray" / "events.jsonl").read_text().splitlines())
    told = [event for event in events if event["event"] == "inside_site_refused"]
    assert [(event["site"], event["code"]) for event in told] == [("B", "FC304")]
    assert left == []


def test_what_an_actor_remembers_lies_where_this_process_looks_for_it(folders, tmp_path):
    """By the apps that actors make of their recipes, without Ray around them."""

    @contextlib.contextmanager
    def actors(participants):
        recipes = {participant.name: engine._recipe(participant) for participant in participants}

        def answer(*, message, context):
            app, _ = engine._made(recipes[str(context.node_config["site"])])
            return app(message, context)

        grid = LocalGrid(answer, sorted(recipes), workers=1)
        yield grid
        grid.close()

    locally, local = run(folders, tmp_path / "local", partial(local_engine, workers=1))
    simulated, by_actors = run(folders, tmp_path / "actors", actors)
    assert by_actors == local
    assert sorted(simulated.personal) == ["A", "B", "C"]
    for site, own in simulated.personal.items():
        assert own.tobytes() == locally.personal[site].tobytes() != simulated.outcome.weights.tobytes()


def test_without_ray_it_says_what_to_install(folders, tmp_path, monkeypatch):
    participant = Participant(read_site(folders[0]), tmp_path, policy=Policy())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FedchemoError) as caught, engine.ray_engine([participant]):
        pass
    assert caught.value.code == "FC760"
    assert "pip install fedchemo[ray]" in caught.value.entry.remedy


def test_an_engine_that_does_not_start_says_why(monkeypatch):
    import flwr.simulation

    def no_memory(*_):
        raise RuntimeError("no shared memory")

    monkeypatch.setattr(flwr.simulation, "run_simulation", no_memory)
    with pytest.raises(FedchemoError, match="FC761") as caught, flower.running(ClientApp(), 1):
        pass
    assert "no shared memory" in caught.value.what
