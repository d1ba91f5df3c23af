"""No run goes on that nobody agreed to, wherever the yes comes from."""

from __future__ import annotations

import threading
import time

import pytest

from fedchemo.client.approvals import Approver, Proposal, Record
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import StatisticsRequest
from tests.networked import Events


def request(run="first", **fields):
    return StatisticsRequest(
        run=run, purpose="predict pCR", fingerprint="a" * 64, configuration=SiteConfiguration(), **fields
    )


class Typist:
    """Somebody at a terminal who types what is given, a line a look."""

    def __init__(self, *answers):
        self.answers, self.cleared = list(answers), 0

    def clear(self):
        self.cleared += 1

    def answer(self, *, seconds):
        return self.answers.pop(0) if self.answers else time.sleep(min(seconds, 0.01))


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "approvals.json")


@pytest.fixture
def events():
    return Events()


def approver(record, events, mode="ask", wait_s=30.0, **options):
    return Approver(record, mode=mode, wait_s=wait_s, notice=events, **options)


def test_without_an_answer_the_run_is_refused_and_the_way_to_approve_it_was_told(record, events):
    with pytest.raises(FedchemoError, match="FC904"):
        approver(record, events, wait_s=0.05)(request())
    (told,) = events.of("asked")
    assert told["purpose"] == "predict pCR"
    assert told["number"] == Proposal.of(request()).number
    assert not told["terminal"]
    assert [one.decision for one in record.read().values()] == ["waiting"]


def test_a_yes_at_the_terminal_holds_for_every_round_of_the_run(record, events):
    typist = Typist(None, "unclear", "yes")
    decide = approver(record, events, terminal=typist)
    decide(request())
    decide(request(round=1))
    decide(request(round=2))
    assert len(events.of("asked")) == len(events.of("approved")) == typist.cleared == 1
    assert len(events.of("still_waiting")) == 1
    with pytest.raises(FedchemoError, match="FC904"):
        approver(record, events, wait_s=0.05)(request(run="second"))


def test_a_no_at_the_terminal_is_heeded_and_kept(record, events):
    with pytest.raises(FedchemoError, match="FC905"):
        approver(record, events, terminal=Typist("no"))(request())
    with pytest.raises(FedchemoError, match="FC905"):
        approver(record, events)(request())
    assert len(events.of("asked")) == 1


def test_an_answer_from_elsewhere_ends_the_waiting(record, events):
    identity = Proposal.of(request()).identity

    def say():
        while identity not in record.read():
            time.sleep(0.01)
        record.decide(identity, "approved")

    elsewhere = threading.Thread(target=say)
    elsewhere.start()
    approver(record, events)(request())
    elsewhere.join()


def test_a_yes_that_is_taken_back_stops_the_run_at_its_next_request(record, events):
    decide = approver(record, events, terminal=Typist("yes"))
    decide(request())
    record.decide(Proposal.of(request()).identity, "denied")
    with pytest.raises(FedchemoError, match="FC905"):
        decide(request(round=1))
    assert len(events.of("denied")) == 1


def test_once_asks_once_for_runs_alike(record, events):
    decide = approver(record, events, mode="once", wait_s=0.05, terminal=Typist("yes"))
    decide(request())
    decide(request(run="second"))
    assert len(events.of("asked")) == 1
    with pytest.raises(FedchemoError, match="FC904"):
        decide(request().model_copy(update={"purpose": "something else"}))


def test_always_asks_nobody_and_says_so(record, events):
    decide = approver(record, events, mode="always")
    decide(request())
    decide(request(round=1))
    assert not record.read()
    (told,) = events.of("approved")
    assert "always" in told["how"]


def test_a_client_that_is_told_to_stop_does_not_wait_for_an_answer(record, events):
    started = time.monotonic()
    with pytest.raises(FedchemoError, match="FC904"):
        approver(record, events, stopping=lambda: True)(request())
    assert time.monotonic() - started < 10
