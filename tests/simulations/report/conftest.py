"""Runs to report on: a simulated one, and what is left of it when it is of another kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import from_sums, to_json
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.simulations.predictions import FILE
from fedchemo.simulations.simulate import simulate
from tests.sites import SMALL, write_site

PATIENTS = {"a": 120, "b": 90, "c": 40, "small": 12}
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """A run on clinical variables whose smallest hospitals have no scores of their own."""
    folder = tmp_path_factory.mktemp("report")
    sites = [write_site(folder, name, patients=number) for name, number in PATIENTS.items()]
    site = {**SMALL, "imaging": {**SMALL["imaging"], "enabled": False}}
    configuration = parse(RunConfiguration, {"name": "trial", "rounds": 3, "site": site}, source="test")
    simulate(sites, configuration, RunFolder(folder / "run"), cache=folder / "cache", device="cpu")
    return folder / "run"


@pytest.fixture
def run(simulated, tmp_path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(simulated, tmp_path / "run"))


@pytest.fixture
def networked(run) -> Path:
    """The same run as a network leaves it: histograms are all that is known."""
    summary = json.loads((run / "summary.json").read_text())
    figures = {
        model: from_sums({site: ScoreSums.model_validate(sums) for site, sums in sites.items()})
        for model, sites in summary["scores"].items()
    }
    told = {name: value for name, value in summary.items() if name != "test"} | {"exact": False}
    (run / "summary.json").write_text(json.dumps(to_json(figures, **told)))
    (run / FILE).unlink()
    return run


@pytest.fixture
def without_scores(networked) -> Path:
    """The run as it is if every hospital's policy says ``metrics = "none"``."""
    summary = json.loads((networked / "summary.json").read_text())
    summary |= {
        "test": {"model": {}, "baseline": {}},
        "scores": {"model": {}, "baseline": {}},
        "best_round": 3,
    }
    (networked / "summary.json").write_text(json.dumps(summary))
    lines = []
    for event in events(networked):
        if event["event"] == "site_answered":
            event["reply"] |= {
                name: None for name in ("validation", "scores", "loss") if name in event["reply"]
            }
            if event["kind"] == "statistics":
                event["reply"]["validation"] = 7
        if event["event"] == "model_scored":
            event |= {"sites": [], "patients": 0, "log_loss": None}
        lines.append(json.dumps(event))
    (networked / "events.jsonl").write_text("\n".join(lines) + "\n")
    return networked


@pytest.fixture
def interrupted(run) -> Path:
    """The run as it is when it is killed in its second round."""
    kept = []
    for event in events(run):
        if event["event"] == "round_started" and event["round"] == 3:
            break
        kept.append(json.dumps(event))
    (run / "events.jsonl").write_text("\n".join(kept) + '\n{"event": "half a li')
    for name in ("summary.json", "model.json", "model.safetensors", FILE):
        (run / name).unlink()
    return run


def events(run: Path) -> list[dict]:
    """Return the events of a run."""
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
