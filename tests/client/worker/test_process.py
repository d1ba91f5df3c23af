"""A worker process answers as the participant itself, and whatever becomes of it, the next question is answered."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.training.halving import Halving
from fedchemo.client.worker import deaths, process
from fedchemo.client.worker.process import UnforeseenError, WorkerProcess
from fedchemo.client.worker.serving import Setup
from fedchemo.client.worker.site import WorkerSite
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import pool
from fedchemo.shared.configuration import SiteConfiguration, SiteMethod, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    LogisticRequest,
    PersonalRequest,
    StatisticsRequest,
    TrainRequest,
)
from tests import faulty
from tests.networked import Events, until
from tests.sites import SMALL, write_site

pytestmark = pytest.mark.usefixtures("own_modules")

CONFIGURATION = parse(
    SiteConfiguration,
    {**SMALL, "training": {"optimizer": "sgd", "batch_size": 32, "learning_rate": 0.1}},
    source="test",
)
FEATURES = names(CONFIGURATION.clinical)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("sites"), "a", patients=60, images=12)


@pytest.fixture
def setup(folder, tmp_path):
    return Setup(read_site(folder), tmp_path / "images", tmp_path / "methods", Policy(), "cpu")


@pytest.fixture
def direct(setup):
    """The participant in this process, for comparison."""
    return Participant(
        setup.cohort, setup.images, policy=setup.policy, methods=setup.methods.with_name("own")
    )


@pytest.fixture(scope="module")
def model():
    made = build(CONFIGURATION.model, CONFIGURATION.imaging, len(FEATURES))
    initialise(made, 0)
    return made


@pytest.fixture
def head(model):
    return {
        "run": "trial",
        "fingerprint": fingerprint(CONFIGURATION, manifest(model), FEATURES),
        "configuration": CONFIGURATION,
    }


@pytest.fixture
def train(head, direct):
    """The training request of a round."""
    described = direct.statistics(StatisticsRequest(**head))
    statistics = pool(variables(CONFIGURATION.clinical), [described.moments])
    return lambda number: TrainRequest(**head, round=number, statistics=statistics)


@contextlib.contextmanager
def site_of(setup, *, approve=lambda _request: None, **options):
    events = Events()
    worker = WorkerProcess(setup, notice=events, **{"hang_s": 120.0, **options})
    with contextlib.closing(worker):
        yield WorkerSite("a", setup.policy, worker, events, approve), events


@pytest.fixture
def faults(monkeypatch, setup):
    """Let something go wrong in a round; see `tests.faulty`."""
    monkeypatch.setattr(process, "serve", faulty.serve)
    monkeypatch.setattr(deaths, "killed_for_memory", lambda: 0)
    return lambda number, fault: faulty.plan(setup.images, round=number, fault=fault)


def same(one, other):
    assert one.model_copy(update={"seconds": 0}) == other.model_copy(update={"seconds": 0})


def test_it_gives_the_bits_of_the_participant_itself(setup, direct, train, head, model):
    weights = pack(model)
    control = np.random.default_rng(0).normal(size=len(weights)).astype(np.float32) / 100
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 32}
    with site_of(setup) as (site, events):
        assert site.statistics(StatisticsRequest(**head)) == direct.statistics(StatisticsRequest(**head))
        asked = train(1)
        step = LogisticRequest(**head, statistics=asked.statistics, coefficients=(0.0,) * (len(FEATURES) + 1))
        assert site.logistic(step) == direct.logistic(step)
        judged = EvaluateRequest(**head, statistics=asked.statistics, split="validation")
        assert site.evaluate(judged, weights) == direct.evaluate(judged, weights)
        for number in (1, 2):
            reply, update = site.train(train(number), weights, proximal_mu=0.1)
            expected, own = direct.train(train(number), weights, proximal_mu=0.1)
            same(reply, expected)
            np.testing.assert_array_equal(update, own)
        training = CONFIGURATION.training.model_copy(update=plain)
        asked = asked.model_copy(
            update={
                "configuration": CONFIGURATION.model_copy(update={"training": training}),
                "method": SiteMethod(name="scaffold"),
            }
        )
        reply, update = site.train(asked, np.concatenate((weights, control)))
        expected, own = direct.train(asked, np.concatenate((weights, control)))
        assert len(update) == 2 * len(weights)
        np.testing.assert_array_equal(update, own)
        assert list(setup.methods.rglob("*.safetensors")), "what the method remembers is kept"
        tuned = PersonalRequest(
            **head, round=2, statistics=asked.statistics, method=SiteMethod(fine_tuning_epochs=1)
        )
        assert site.personal(tuned, weights) == direct.personal(tuned, weights)
        assert len(events.of("worker_ready")) == 1
    assert events.of("training")[0]["steps"] == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [("segfault", "SIGSEGV"), ("exit", "status 3"), ("kill", "SIGKILL")],
)
def test_a_crash_has_a_number_and_the_next_round_the_bits_it_would_have_had(
    setup, direct, train, model, faults, fault, words
):
    faults(2, fault)
    with site_of(setup) as (site, events):
        site.train(train(1), pack(model))
        with pytest.raises(FedchemoError, match=rf"FC630.*{words}"):
            site.train(train(2), pack(model))
        _, update = site.train(train(3), pack(model))
        assert [one["code"] for one in events.of("worker_ended")] == ["FC630"]
    np.testing.assert_array_equal(update, direct.train(train(3), pack(model))[1])


def test_a_hang_is_ended_after_no_progress(setup, train, model, faults):
    faults(2, "hang")
    with site_of(setup, hang_s=8.0) as (site, _):
        site.train(train(1), pack(model))
        with pytest.raises(FedchemoError, match=r"FC631.*no progress"):
            site.train(train(2), pack(model))
        site.train(train(3), pack(model))


def test_a_signal_for_the_client_is_none_for_the_worker(setup, train, model, faults):
    faults(1, "terminate")
    with site_of(setup) as (site, _):
        site.train(train(1), pack(model))
        os.kill(site.process.pid, signal.SIGINT)
        site.train(train(2), pack(model))


def test_what_no_rule_foresees_is_told_inside_and_the_same_process_goes_on(setup, train, model, faults):
    faults(1, "raise")
    with site_of(setup) as (site, events):
        with pytest.raises(UnforeseenError, match="LookupError: patient MRN-0042"):
            site.train(train(1), pack(model))
        site.train(train(2), pack(model))
        assert len(events.of("worker_ready")) == 1


@pytest.mark.parametrize(("fault", "code"), [("no memory", "FC321"), ("ended for memory", "FC632")])
def test_without_memory_the_same_batches_are_computed_in_parts(
    setup, direct, train, model, faults, monkeypatch, fault, code
):
    """The update is the same but for rounding, and what fitted is remembered."""
    faults(2, fault)
    kills = iter(range(100))
    monkeypatch.setattr(deaths, "killed_for_memory", lambda: next(kills))
    with site_of(setup) as (site, events):
        halving = Halving()

        def trained(number):
            asked = train(number)
            return halving(
                "a", asked.configuration, lambda parts: site.train(asked, pack(model), parts=parts), events
            )

        assert trained(1)[0].parts == 1
        reply, update = trained(2)
        assert reply.parts == 16, "32 patients a batch, of whom 2 fit"
        assert [one["parts"] for one in events.of("out_of_memory")] == [2, 4, 8, 16]
        assert {one["code"] for one in events.of("out_of_memory")} == {code}
        assert trained(3)[0].parts == 16
        assert len(events.of("out_of_memory")) == 4
    whole = direct.train(train(2), pack(model))[1]
    moved = np.abs(whole - pack(model)).max()
    assert 0 < np.abs(update - whole).max() < 1e-4 * moved


def test_a_prepared_image_that_is_damaged_is_prepared_anew(setup, direct, train, model, faults):
    faults(2, "cut an image short")
    with site_of(setup) as (site, events):
        _, update = site.train(train(2), pack(model))
        (damaged,) = events.of("image_damaged")
        assert "FC210" not in damaged["what"]
    np.testing.assert_array_equal(update, direct.train(train(2), pack(model))[1])


def test_approvals_and_the_memory_of_runs_are_the_clients(setup, train, head, model, faults):
    """Else a coordinator that can make the process die could ask everything anew."""
    asked = []
    faults(2, "exit")
    with site_of(setup, approve=asked.append) as (site, _):
        first = train(1)
        site.train(first, pack(model))
        with pytest.raises(FedchemoError, match="FC630"):
            site.train(train(2), pack(model))
        means = tuple(mean + 0.1 for mean in first.statistics.means)
        other = first.model_copy(
            update={"round": 3, "statistics": first.statistics.model_copy(update={"means": means})}
        )
        with pytest.raises(FedchemoError, match="FC915"):
            site.train(other, pack(model))
    assert [request.round for request in asked] == [1, 2, 3]

    def refuse(_request):
        raise FedchemoError("FC905", "somebody said no")

    with site_of(setup, approve=refuse) as (site, events):
        with pytest.raises(FedchemoError, match=r"FC905.*somebody said no"):
            site.train(train(1), pack(model))
        assert not events.of("images"), "before any patient is touched"


def test_a_client_that_stops_does_not_wait_for_the_end_of_a_training(setup, train, model, faults):
    faults(1, "hang")
    stopping = threading.Event()
    with site_of(setup, stopping=stopping.is_set) as (site, events):

        def stop():
            until(lambda: events.of("training"), what="it trains")
            stopping.set()

        helper = threading.Thread(target=stop)
        helper.start()
        with pytest.raises(FedchemoError, match="FC615"):
            site.train(train(1), pack(model))
        helper.join()
        assert site.process.pid is None


def test_while_the_client_is_paused_its_worker_is_halted(setup, train, model):
    paused = threading.Event()
    with site_of(setup, paused=paused.is_set) as (site, events):
        site.train(train(1), pack(model))
        paused.set()

        def go_on():
            until(lambda: events.of("paused"), what="it is paused")
            state = Path(f"/proc/{site.process.pid}/stat")
            if state.exists():
                until(lambda: state.read_text().rsplit(")", 1)[1].split()[0] == "T", what="it is halted")
            assert not events.of("resumed")
            paused.clear()

        helper = threading.Thread(target=go_on)
        helper.start()
        site.train(train(2), pack(model))
        helper.join()
        assert len(events.of("paused")) == len(events.of("resumed")) == 1


def test_a_device_that_does_not_work_is_told_at_the_start(setup):
    import dataclasses

    with (
        site_of(dataclasses.replace(setup, device="gpu")) as (site, _),
        pytest.raises(FedchemoError, match="FC310"),
    ):
        site.process.ready()


def test_a_process_that_dies_again_and_again_is_not_started_at_once(setup, train, model, faults, monkeypatch):
    """A request is then answered with a number, and served when the wait is over."""
    faults(1, "exit")
    now = 0.0
    monkeypatch.setattr(deaths.time, "monotonic", lambda: now)
    monkeypatch.setattr(deaths, "LONGEST_HELD_S", 1.0)
    monkeypatch.setattr(WorkerProcess, "_hold", lambda *_: None)
    with site_of(setup) as (site, _):
        for _ in range(3):
            with pytest.raises(FedchemoError, match="FC630"):
                site.train(train(1), pack(model))
        with pytest.raises(FedchemoError, match=r"FC633.*3 times in a row"):
            site.train(train(2), pack(model))
        now = deaths.LONGEST_WAIT_S
        site.train(train(2), pack(model))
