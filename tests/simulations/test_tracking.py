"""A simulation and a study that are tracked: the numbers arrive, and nothing speaks to the outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import tomli_w
import typer
from click.testing import CliRunner
from mlflow import MlflowClient

from fedchemo.server.history import every_event
from fedchemo.server.tracking.measures import Measures
from fedchemo.shared.command import root
from fedchemo.simulations.studies.command import study
from tests.sites import write_site

# Every name that is looked up and every connection that is opened, whoever does it; a planted one shows that it hears.
LISTENED = """
import json, socket, sys
heard = []
def hear(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        heard.append([event, repr(arguments[1:] if event != "socket.getaddrinfo" else arguments)])
sys.addaudithook(hear)
from fedchemo.shared.command import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    status = ended.code
before = len(heard)
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
except OSError:
    pass
print(json.dumps({"status": status, "heard": heard[:before], "planted": heard[before:]}), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _folders_are_meant(monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # for reading them back


def listened(folder, *arguments):
    """Run a command as a user would, in an environment that does not ask for silence."""
    unasked = {"DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "CI", "PYTEST_CURRENT_TEST"}
    # MLflow's telemetry keeps quiet under CI and pytest of itself: what is tested must not hang on that.
    environment = {name: value for name, value in os.environ.items() if name not in unasked}
    done = subprocess.run(
        [sys.executable, "-c", LISTENED, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    found = json.loads(done.stderr.splitlines()[-1])
    assert found["planted"], "the hook hears connections"
    return found


SMALL = ("--no-images", "--rounds", "2", "--seed", "0", "--min-patients", "10", "--cache", "cache")


@pytest.mark.slow
def test_a_tracked_simulation_logs_its_events_and_calls_nobody(tmp_path):
    for name in ("a", "b"):
        write_site(tmp_path / "sites", name, patients=60)
    found = listened(
        tmp_path,
        "simulate", "--sites-dir", "sites", "--out", "runs/small", *SMALL,
        "--mlflow", "tracked", "--tensorboard", "boards",
    )  # fmt: skip
    assert found["status"] == 0
    assert found["heard"] == []
    measures = Measures()
    expected = {
        (name, each.round, value)
        for event in every_event(tmp_path / "runs" / "small" / "events.jsonl")
        if (each := measures(event)) is not None
        for name, value in each.values.items()
    }
    client = MlflowClient((tmp_path / "tracked").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("fedchemo").experiment_id])
    logged = {
        (name, each.step, each.value)
        for name in run.data.metrics
        for each in client.get_metric_history(run.info.run_id, name)
    }
    assert logged == expected
    assert {"best_round", "train_loss/a", "train_loss/b"} <= {name for name, *_ in logged}
    assert list((tmp_path / "boards" / "small").glob("events.out.*"))


def test_a_tracked_study_logs_a_run_a_model_under_its_name(tmp_path):
    asked = {
        "name": "tracked",
        "seeds": [0],
        "references": ["local"],
        "data": {"patients": 40, "sites": 2, "minimum_patients": 10},
        "run": {"rounds": 1, "site": {"imaging": {"enabled": False}}},
    }
    (tmp_path / "study.toml").write_text(tomli_w.dumps(asked))
    places = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--mlflow", tmp_path / "tracked")
    done = CliRunner().invoke(
        typer.main.get_command(study),
        ["run", str(tmp_path / "study.toml"), "--workers", "1", *map(str, places)],
    )
    assert done.exit_code == 0, done.output
    client = MlflowClient((tmp_path / "tracked").as_uri())
    runs = client.search_runs([client.get_experiment_by_name("tracked").experiment_id])
    assert sorted(run.info.run_name for run in runs) == [
        "fedavg, seed 0, site, holdout, as it is, nothing demanded",
        "local, seed 0, site, holdout, as it is, nothing demanded, site01",
        "local, seed 0, site, holdout, as it is, nothing demanded, site02",
    ]
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize("command", [("simulate",), ("server", "start"), ("study", "run")])
def test_each_command_that_runs_offers_tracking(command):
    text = CliRunner(env={"COLUMNS": "200"}).invoke(root(), [*command, "--help"]).output
    assert "--mlflow" in text
    assert "--tensorboard" in text
