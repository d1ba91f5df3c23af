"""Strategies that ask more of a site than plain training: over TLS and simulated they give the same bits."""

from __future__ import annotations

import contextlib
from functools import partial

import numpy as np
import pytest

from fedchemo.client.training.vectors import norms
from fedchemo.server.events import EventLog
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.rounds.loop import RoundLoop
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.clinical.encoding import names
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.model.build import build
from fedchemo.simulations.simulate import local_engine, simulate
from tests.attacks.hospitals import Hospital
from tests.networked import federation, until
from tests.sites import SMALL, write_site

pytestmark = [pytest.mark.network, pytest.mark.slow]

SITES = {"a": 70, "b": 60, "c": 50}
# A hospital's policy wants 20 patients in a batch of plain SGD.
PLAIN_SGD = {"optimizer": "sgd", "weight_decay": 0, "learning_rate": 0.1, "batch_size": 20}
RUNS = {
    "scaffold": ({"name": "scaffold"}, PLAIN_SGD, 1.0),
    "scaffold of some sites": ({"name": "scaffold"}, PLAIN_SGD, 0.5),
    "feddyn": ({"name": "feddyn"}, PLAIN_SGD, 1.0),
    "fednova": ({"name": "fednova"}, {}, 1.0),
    "fedbn": ({"name": "fedbn"}, {}, 1.0),
    "ditto": ({"name": "ditto", "fine_tuning_epochs": 1}, {}, 1.0),
    "cyclic": ({"name": "cyclic"}, {}, 1.0),
}
WITH_IMAGES = {"scaffold", "fedbn"}


def configuration(name):
    strategy, training, fraction = RUNS[name]
    site = {**SMALL, "training": training}
    if name not in WITH_IMAGES:
        site["imaging"] = {**SMALL["imaging"], "enabled": False}
    return parse(
        RunConfiguration,
        {"name": name, "rounds": 3, "quorum": 1, "fraction": fraction, "strategy": strategy, "site": site},
        source="test",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("strategies")
    for name, patients in SITES.items():
        write_site(made / "sites", name, patients=patients, images=12)
    return made


@pytest.fixture(scope="module")
def networked(folder):
    """Every run over the network, one after another, and what it ended with."""
    fed = federation(folder / "fed", sites=tuple(SITES))
    found = {}
    with contextlib.ExitStack() as stack:
        coordinator = stack.enter_context(Coordinator(fed.path))
        for name in SITES:
            hospital = Hospital(fed.kit(name), folder / "sites" / name, folder / "state" / name)
            stack.enter_context(hospital.running())
        until(lambda: len(coordinator.sites()) == len(SITES), seconds=120, what="all sites online")
        with coordinator.grid() as grid:
            for name in RUNS:
                runs = RunFolder(folder / "networked" / name)
                with contextlib.closing(EventLog(runs.events)) as events:
                    found[name] = RoundLoop(grid, configuration(name), runs, events).run()
                runs.release()
    return found


def models(folder):
    return {path.parent.name: path.read_bytes() for path in folder.rglob("personal/*/model.safetensors")}


@pytest.mark.parametrize("name", RUNS)
def test_the_networked_run_has_the_simulated_bits(folder, networked, name):
    run = RunFolder(folder / "simulated" / name)
    simulated = simulate(
        [folder / "sites" / site for site in SITES],
        configuration(name),
        run,
        cache=folder / "cache",
        device="cpu",
        engine=partial(local_engine, workers=1),
    )
    run.release()
    ours, theirs = simulated.outcome, networked[name]
    assert ours.best == theirs.best
    assert ours.weights.tobytes() == theirs.weights.tobytes() != ours.baseline.tobytes()
    for site in SITES:
        left = models(folder / "simulated" / name / "methods" / site)
        held = models(folder / "state" / site / "methods")
        assert left.items() <= held.items()
        assert len(left) == (name in {"fedbn", "ditto"})


def test_the_coordinator_is_told_how_well_the_models_at_the_hospitals_predict(networked):
    assert set(networked["ditto"].tests) == {"model", "baseline", "personal"}
    assert set(networked["scaffold"].tests) == {"model", "baseline"}


def test_the_model_that_fedbn_publishes_has_the_initial_norm_layers(networked):
    site, outcome = configuration("fedbn").site, networked["fedbn"]
    own = norms(build(site.model, site.imaging, len(names(site.clinical))))
    np.testing.assert_array_equal(outcome.weights[own], outcome.baseline[own])
    assert (outcome.weights[~own] != outcome.baseline[~own]).any()
