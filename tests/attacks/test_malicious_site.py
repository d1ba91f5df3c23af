"""A member that sends what it should not: that is its own failure, and the run goes on with the others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.client.app import client_app
from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.server.aggregation import MOST_EXAMPLES
from fedchemo.server.events import EventLog
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.strategies import method
from fedchemo.shared.configuration import RunConfiguration, StrategySettings, parse
from fedchemo.shared.wire.messages import TrainReply
from tests.attacks.hostile import CLINICAL
from tests.networked import federation, kit_of, serving, until
from tests.sites import write_site

pytestmark = pytest.mark.network

Change = Callable[[RecordDict], RecordDict]


def with_weights(change: Callable[[Any], Any]) -> Change:
    """Return a change of the update."""

    def apply(content: RecordDict) -> RecordDict:
        weights = np.array(content["arrays"]["weights"].numpy())
        changed = RecordDict(dict(content))
        changed["arrays"] = ArrayRecord({"weights": Array(change(weights))})
        return changed

    return apply


def with_record(name: str, record: Any) -> Change:
    """Return a change that puts a record into the reply, or takes one out."""

    def apply(content: RecordDict) -> RecordDict:
        changed = RecordDict({key: value for key, value in content.items() if key != name})
        if record is not None:
            changed[name] = record
        return changed

    return apply


def with_examples(count: int) -> Change:
    """Return a change of the number of patients that an update claims."""

    def apply(content: RecordDict) -> RecordDict:
        said = TrainReply.model_validate_json(content["reply"]["reply"])
        text = said.model_dump_json().replace(f'"examples":{said.examples}', f'"examples":{count}')
        changed = with_record("reply", ConfigRecord({"reply": text}))(content)
        changed["metrics"] = MetricRecord({"num-examples": count})
        return changed

    return apply


def spoilt(weights: Any) -> Any:
    weights[-1] = np.nan
    return weights


ATTACKS: dict[str, tuple[Change, set[str]]] = {
    "not a number": (with_weights(spoilt), {"FC305"}),
    "infinite": (with_weights(lambda weights: weights + np.inf), {"FC305"}),
    "huge": (with_weights(lambda weights: weights + np.float32(1e30)), {"FC403"}),
    "short": (with_weights(lambda weights: weights[:-1]), {"FC305"}),
    "long": (with_weights(lambda weights: np.append(weights, np.float32(0))), {"FC305"}),
    "empty": (with_weights(lambda weights: weights[:0]), {"FC305"}),
    "float64": (with_weights(lambda weights: weights.astype(np.float64)), {"FC305"}),
    "matrix": (with_weights(lambda weights: weights[None]), {"FC305"}),
    "no update": (with_record("arrays", None), {"FC305"}),
    "two updates": (with_record("more", ArrayRecord({"weights": Array(np.zeros(3, np.float32))})), {"FC304"}),
    "no reply": (with_record("reply", None), {"FC304"}),
    "another key": (
        with_record("reply", ConfigRecord({"reply": '{"examples": 30, "name": "x"}'})),
        {"FC304"},
    ),
    "nobody": (with_examples(0), {"FC403"}),
    "fewer than nobody": (with_examples(-5), {"FC304"}),
    "everybody": (with_examples(MOST_EXAMPLES + 1), {"FC403", "FC304"}),
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """A folder of a federation, and the participants of three sites."""
    folder = tmp_path_factory.mktemp("malicious")
    fed = federation(folder / "fed")
    return fed, {
        name: Participant(
            read_site(write_site(folder, name, patients=60, seed=index)),
            folder / name / "images",
            policy=Policy(approvals="always"),
        )
        for index, name in enumerate("ABC")
    }


class Malicious:
    """The app of a site that changes its training replies, each time as it is told."""

    def __init__(self, participant: Participant) -> None:
        self._app = client_app(lambda _: participant)
        self.change: Change | None = None

    def __call__(self, message: Message, context: Context) -> Message:
        reply = self._app(message, context)
        if self.change is None or message.metadata.message_type != "train":
            return reply
        return Message(self.change(reply.content), reply_to=message)


@pytest.fixture(scope="module")
def running(sites) -> Iterator[tuple[Coordinator, Malicious]]:
    """A coordinator with two honest sites and a malicious one, B."""
    fed, participants = sites
    malicious = Malicious(participants["B"])
    with contextlib.ExitStack() as stack:
        coordinator = stack.enter_context(Coordinator(fed.path))
        for name, participant in participants.items():
            app = malicious if name == "B" else client_app(lambda _, site=participant: site)
            stack.enter_context(serving(kit_of(fed, name), app))
        until(lambda: len(coordinator.sites()) == 3)
        yield coordinator, malicious


def run(coordinator: Coordinator, out, **changes: Any) -> tuple[Outcome, list[dict[str, Any]]]:
    """Run a federation; return its outcome and its events."""
    fields = {
        "name": "m",
        "rounds": 2,
        "site": CLINICAL,
        "deadline_s": 30.0,
        "wait_s": 30.0,
        "quorum": 2,
        **changes,
    }
    configuration = parse(RunConfiguration, fields, source="test")
    told: list[dict[str, Any]] = []
    folder = RunFolder(out, overwrite=False)
    with (
        folder.begun_or_removed(),
        contextlib.closing(EventLog(folder.events, told.append)) as events,
        coordinator.grid() as grid,
    ):
        return RoundLoop(grid, configuration, folder, events).run(), told


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_reply_that_cannot_be_used_is_that_sites_failure_and_the_run_goes_on(running, tmp_path, attack):
    coordinator, malicious = running
    malicious.change, codes = ATTACKS[attack]
    outcome, told = run(coordinator, tmp_path / "run")
    failures = [(event["site"], event["code"]) for event in told if event["event"] == "site_failed"]
    assert {site for site, _ in failures} == {"B"}
    assert {code for _, code in failures} <= codes
    trained = [
        event["site"] for event in told if event["event"] == "site_answered" and event["kind"] == "train"
    ]
    assert sorted(trained) == ["A", "A", "C", "C"]
    assert np.isfinite(outcome.weights).all()


def test_the_control_without_an_attack_all_three_take_part(running, tmp_path):
    coordinator, malicious = running
    malicious.change = None
    _, told = run(coordinator, tmp_path / "run")
    assert not [event for event in told if event["event"] == "site_failed"]


def test_a_site_cannot_crowd_the_others_out_by_the_patients_it_claims(running, tmp_path):
    coordinator, malicious = running
    malicious.change = with_examples(MOST_EXAMPLES)
    _, told = run(coordinator, tmp_path / "run")
    failed = {event["site"] for event in told if event["event"] == "site_failed"}
    assert failed <= {"B"}, "the honest sites' updates are refused: no room is left for their patients"
    assert failed == {"B"}


def answered(site: str, weights: Any, examples: int = 30) -> Answer[TrainReply]:
    reply = TrainReply(examples=examples, steps=1, loss=None, seconds=0.0, validation=None)
    return Answer(site, reply, np.asarray(weights, np.float32))


def aggregated(name: str, poison: float) -> np.ndarray:
    # Flower's Message() asks the process who it is.
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    settings = StrategySettings(name=name, malicious=1)  # type: ignore[arg-type]
    made = method(settings)
    updates = Updates(made, 3)
    made.strategy.configure_train  # noqa: B018 - the same object that the round loop uses
    for index in range(5):
        updates.add(answered(f"S{index}", np.full(3, 1.0 + index / 100)))
    updates.add(answered("X", np.full(3, poison)))
    return updates.next_model(1)


@pytest.mark.parametrize("name", ["fedmedian", "fedtrimmedavg", "krum"])
def test_a_poisoned_update_within_range_moves_a_robust_strategy_little(name):
    assert np.abs(aggregated(name, 16_000.0) - 1.02).max() < 0.05


def test_the_control_the_mean_is_moved(running):
    """FedAvg believes everybody: against poisoning take a robust strategy."""
    assert np.abs(aggregated("fedavg", 16_000.0)).max() > 1000
    assert threading.active_count()
