"""What MLflow and TensorBoard show of a run is what its events say, read back with their own readers."""

from __future__ import annotations

import json
import sys
import threading

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fedchemo.server.events import EventLog
from fedchemo.server.tracking.feed import Feed
from fedchemo.server.tracking.measures import Measures
from fedchemo.server.tracking.tracked import Tracking
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums

SCORES = ScoreSums.from_scores([0.2, 0.7, 0.4, 0.9], [0, 1, 1, 0])


def emit_a_run(log: EventLog, outcome: str = "completed") -> None:
    """Emit the events of a small run, those that name a patient of a virtual hospital among them."""
    about = {"kind": "train", "round": 1, "site": "AAI", "seconds": 1.5}
    log.emit("inside_site_row_set_aside", site="AAI", why="patient SECRET, row 8")
    log.emit("run_started", run="r", rounds=1, strategy="fedavg", fingerprint="f" * 64)
    reply = {"examples": 40, "steps": 5, "loss": 0.625, "seconds": 1.0, "validation": None}
    log.emit("site_answered", **about, reply=reply)
    log.emit("site_answered", **{**about, "site": "AAN"}, reply={**reply, "loss": None})
    log.emit("site_failed", **{**about, "site": "AAJ"}, code="FC990")
    log.emit("inside_site_failed", site="AAJ", type="KeyError", what="SECRET")
    log.emit("exchange_ended", kind="train", round=1, answered=2, seconds=2.25)
    log.emit("model_scored", round=0, sites=["AAI"], patients=9, log_loss=0.5)
    log.emit("model_scored", round=1, sites=[], patients=0, log_loss=None)
    log.emit("best_round", round=1)
    scored = {"kind": "evaluate", "round": 1, "site": "AAI", "seconds": 0.5}
    log.emit("site_answered", **scored, reply={"scores": SCORES.model_dump(mode="json")})
    log.emit("run_ended", outcome=outcome)


EXPECTED = {
    ("train_loss/AAI", 1, 0.625),
    ("train_examples/AAI", 1, 40),
    ("train_examples/AAN", 1, 40),
    ("seconds/AAI", 1, 1.5),
    ("seconds/AAN", 1, 1.5),
    ("site_failed/AAJ", 1, 1),
    ("answered/train", 1, 2),
    ("exchange_seconds/train", 1, 2.25),
    ("validation_log_loss", 0, 0.5),
    ("validation_patients", 0, 9),
    ("validation_patients", 1, 0),
    ("best_round", 1, 1),
    ("test_log_loss/AAI", 1, SCORES.loss_sum / SCORES.n),
    ("test_auc/AAI", 1, 0.5),
}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A run that went to both."""
    place, said = tmp_path_factory.mktemp("tracked"), []
    tracking = Tracking(str(place / "mlflow"), place / "tensorboard", experiment="an experiment")
    with tracking.of("first", said.append) as listeners:
        emit_a_run(EventLog(place / "events.jsonl", *listeners))
    assert said == []
    return place


@pytest.fixture(scope="module")
def client(tracked):
    return MlflowClient((tracked / "mlflow").as_uri())


def runs_of(client):
    return client.search_runs([client.get_experiment_by_name("an experiment").experiment_id])


def test_mlflow_holds_the_numbers_of_the_events_and_their_times(tracked, client):
    (run,) = runs_of(client)
    found = {
        (name, each.step, each.value)
        for name in run.data.metrics
        for each in client.get_metric_history(run.info.run_id, name)
    }
    assert found == EXPECTED
    told = {(e["event"], e.get("round")): e for e in map(json.loads, (tracked / "events.jsonl").open())}
    (moment,) = client.get_metric_history(run.info.run_id, "best_round")
    from datetime import datetime

    assert moment.timestamp == round(datetime.fromisoformat(told["best_round", 1]["time"]).timestamp() * 1000)


def test_mlflow_is_told_of_the_run_and_of_nothing_else(client):
    (run,) = runs_of(client)
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"run": "r", "rounds": "1", "strategy": "fedavg", "fingerprint": "f" * 64}
    assert set(run.data.tags) == {"mlflow.runName"}, "no user, no path, no commit"


def test_tensorboard_holds_the_same_numbers(tracked):
    read = EventAccumulator(str(tracked / "tensorboard" / "first"))
    read.Reload()
    found = {(name, e.step, e.value) for name in read.Tags()["scalars"] for e in read.Scalars(name)}
    assert {(name, step) for name, step, _ in found} == {(name, step) for name, step, _ in EXPECTED}
    expected = {(name, step): value for name, step, value in EXPECTED}
    for name, step, value in found:
        assert value == pytest.approx(expected[name, step], rel=1e-6), "TensorBoard keeps float32"


def test_no_patient_is_in_what_was_logged(tracked):
    assert b"SECRET" in (tracked / "events.jsonl").read_bytes()
    for folder in ("mlflow", "tensorboard"):
        files = [path for path in (tracked / folder).rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if b"SECRET" in path.read_bytes()]


@pytest.mark.parametrize(
    ("outcome", "status"), [("failed", "FAILED"), ("stopped", "KILLED"), (None, "KILLED")]
)
def test_a_run_that_does_not_complete_says_so(tmp_path, outcome, status):
    with Tracking(str(tmp_path), experiment="an experiment").of("x", pytest.fail) as listeners:
        log = EventLog(None, *listeners)
        log.emit("run_started", run="r", rounds=1, strategy="fedavg", fingerprint="f")
        if outcome:
            log.emit("run_ended", outcome=outcome)
    (run,) = runs_of(MlflowClient(tmp_path.as_uri()))
    assert run.info.status == status


class Stuck:
    """A tracker that fails, or does not come back until it is let go."""

    def __init__(self, error=None):
        self.error, self.go = error, threading.Event()

    def begin(self, about):
        if self.error:
            raise self.error
        self.go.wait(60)

    def measure(self, found):
        pass

    end = measure


def test_a_server_that_hangs_costs_the_run_nothing_and_is_told():
    tracker = Stuck()
    feed = Feed(tracker)
    emit_a_run(EventLog(None, feed))  # returns though nothing was logged
    assert "not all was logged" in feed.close(patience_s=0.05)
    tracker.go.set()


def test_a_server_that_fails_ends_no_run():
    feed = Feed(Stuck(OSError("connection lost")))
    emit_a_run(EventLog(None, feed))
    assert feed.close() == "OSError: connection lost"


@pytest.mark.parametrize(
    ("package", "tracking"),
    [("mlflow", Tracking(mlflow="runs")), ("torch.utils.tensorboard", Tracking(tensorboard="runs"))],
)
def test_a_missing_package_is_a_numbered_error_that_says_how_to_install_it(monkeypatch, package, tracking):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FedchemoError, match="FC790") as caught, tracking.of("x", pytest.fail):
        pass
    assert "fedchemo[tracking]" in caught.value.entry.remedy
    with pytest.raises(FedchemoError, match="FC790"):
        tracking.check()


def test_a_place_that_cannot_be_logged_to_is_refused_before_the_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for tracking in (
        Tracking(mlflow="http://127.0.0.1:9"),
        Tracking(mlflow="nonsense://x"),
        Tracking(tensorboard=tmp_path / "file"),
    ):
        with pytest.raises(FedchemoError, match="FC791"), tracking.of("x", pytest.fail):
            pass


def test_events_without_numbers_measure_nothing():
    measures = Measures()
    assert measures({"event": "waiting", "time": "2026-01-01T00:00:00+00:00"}) is None
