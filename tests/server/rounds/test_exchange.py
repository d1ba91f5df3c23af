"""An exchange: quorum, deadline, failures, and answers from sites that were not asked."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import ConfigRecord, Error, Message
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.again import TRIES, until_quorum
from fedchemo.server.rounds.course import QuorumMissedError
from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.server.rounds.patience import Patience
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import FinishReply, TrainReply
from fedchemo.shared.wire.records import reply_content


class ScriptedGrid:
    """Answers as told: a reply, an error code, or silence."""

    def __init__(self, **script):
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self.script = script
        self.nodes = {site: index for index, site in enumerate(script, start=10)}
        self.away = ()
        self.polls = 0

    def sites(self):
        self.polls += 1
        return self.nodes

    def members(self):
        return [*self.nodes, *self.away]

    def late(self):
        return {}

    def replies(self, messages, *, timeout, go_on):
        for message in messages:
            message.metadata.__dict__["_message_id"] = str(message.metadata.dst_node_id)
            site = next(name for name, node in self.nodes.items() if node == message.metadata.dst_node_id)
            match self.script[site]:
                case "silent":
                    continue
                case str(code):
                    yield Message(Error(900, code), reply_to=message)
                case content:
                    yield Message(content, reply_to=message)


GOOD = reply_content(FinishReply())


def ask(grid, *, quorum=1, wait_s=0.0):
    seen = []
    exchanges = Exchanges(grid, EventLog(None, seen.append), quorum, 1.0, wait_s)
    answers = [a.site for a in exchanges.ask("finish", FinishReply, list(grid.nodes), ConfigRecord({}))]
    return answers, seen


def test_failures_are_told_and_the_rest_goes_on():
    answers, seen = ask(ScriptedGrid(a=GOOD, b="FC901", c="silent", d="path /home/x of patient 7"))
    assert answers == ["a"]
    assert {(e["site"], e["code"]) for e in seen if e["event"] == "site_failed"} == {
        ("b", "FC901"),
        ("d", "FC990"),
    }
    assert [e["site"] for e in seen if e["event"] == "site_silent"] == ["c"]
    assert "patient 7" not in str(seen)


def test_what_leaves_a_hospital_is_weighed_whether_it_is_of_use_or_not():
    told = TrainReply(examples=20, steps=1, loss=0.5, seconds=0.1, validation=None)
    answer = reply_content(told, np.zeros(1000, np.float32), examples=20)
    _, seen = ask(ScriptedGrid(a=GOOD, b=answer, c="FC901"))
    sizes = {event["site"]: event["bytes"] for event in seen if "bytes" in event}
    assert sizes["a"] == len(FinishReply().model_dump_json())
    assert sizes["b"] == len(told.model_dump_json()) + len(answer["arrays"]["weights"].data) + len("20")
    assert sizes["c"] == 0
    assert next(event["sent_bytes"] for event in seen if event["event"] == "exchange_ended") == 0


def test_below_the_quorum_the_exchange_fails_and_says_why():
    with pytest.raises(FedchemoError, match="FC401") as caught:
        ask(ScriptedGrid(a=GOOD, b="FC901", c="silent"), quorum=2)
    assert "b FC901" in caught.value.what
    assert "c FC405" in caught.value.what


def test_a_reply_outside_the_schema_is_a_failure():
    wrong = reply_content(TrainReply(examples=1, steps=1, loss=0.5, seconds=0.1, validation=None))
    answers, seen = ask(ScriptedGrid(a=GOOD, b=wrong))
    assert answers == ["a"]
    assert [e["code"] for e in seen if e["event"] == "site_failed"] == ["FC304"]


def test_an_answer_that_cannot_be_used_counts_as_a_failure():
    def accept(answer):
        raise FedchemoError("FC403", "diverged")

    grid = ScriptedGrid(a=GOOD)
    exchanges = Exchanges(grid, EventLog(), 1, 1.0, 0.0)
    message = Message(GOOD, dst_node_id=10, message_type="query.finish")
    with pytest.raises(FedchemoError, match="FC401"):
        list(exchanges.send("finish", FinishReply, [message], ["a"], round_number=1, accept=accept))


def test_waiting_for_the_quorum_ends_and_names_who_is_missing():
    grid, seen = ScriptedGrid(a=GOOD), []
    grid.away = ("b",)
    exchanges = Exchanges(grid, EventLog(None, seen.append), 2, 1.0, 0.01)
    with pytest.raises(FedchemoError, match="FC401") as caught:
        exchanges.wait_for_quorum(["a", "b"])
    assert "'b'" in caught.value.what
    assert [(event["event"], event["missing"]) for event in seen] == [("waiting", ["b"])]


def test_a_resumed_run_waits_for_the_sites_it_had_and_says_for_whom():
    grid, seen = ScriptedGrid(a=GOOD, b=GOOD), []
    both = dict(grid.nodes)
    polls = iter(range(1000))
    # The second site comes back at the fourth look.
    grid.sites = lambda: both if next(polls) > 3 else {"a": both["a"]}
    Exchanges(grid, EventLog(None, seen.append), 1, 1.0, 0.0).wait_for_return(["a", "b"], seconds=60)
    assert next(polls) == 5
    assert [(event["event"], event["missing"]) for event in seen] == [("waiting", ["b"])]


def test_a_site_that_stays_away_does_not_hold_a_resumed_run_for_ever():
    grid, seen = ScriptedGrid(a=GOOD), []
    grid.away = ("gone",)
    exchanges = Exchanges(grid, EventLog(None, seen.append), 1, 1.0, 0.0)
    exchanges.wait_for_return(["a", "gone"], seconds=0.01)
    assert [event["missing"] for event in seen] == [["gone"]]
    assert exchanges.wait_for_quorum(["a", "gone"]) == ["a"]


def test_a_site_that_was_revoked_is_not_waited_for_at_all():
    seen = []
    Exchanges(ScriptedGrid(a=GOOD), EventLog(None, seen.append), 1, 1.0, 0.0).wait_for_return(
        ["a", "revoked"], seconds=600
    )
    assert seen == []


def test_a_quorum_of_sites_that_cannot_train_is_none():
    grid = ScriptedGrid(judge=GOOD, other=GOOD)
    grid.away = ("trainer",)
    with pytest.raises(FedchemoError, match="FC401") as caught:
        Exchanges(grid, EventLog(), 2, 1.0, 0.01).wait_for_quorum(of=["trainer"])
    assert "0 of 1 sites online" in caught.value.what
    assert "trainer" in caught.value.what


class Slow(ScriptedGrid):
    """Answers at once but for one site, which is silent until it is given up; later it answers late."""

    def __init__(self, clock, **script):
        super().__init__(**script)
        self.clock = clock
        self.asked = []
        self.came = {}

    def late(self):
        came, self.came = self.came, {}
        return came

    def replies(self, messages, *, timeout, go_on):
        self.asked = list(messages)
        yield from super().replies(self.asked, timeout=timeout, go_on=go_on)
        began = self.clock.now
        while self.clock.now - began < timeout and go_on():
            self.clock.now += 0.5


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr("fedchemo.server.rounds.course.time.monotonic", lambda: made.now)
    return made


def held(grid, *, quorum, patience=None, deadline_s=500.0):
    seen = []
    exchanges = Exchanges(grid, EventLog(None, seen.append), quorum, deadline_s, 0.0, patience)

    def hold(number):
        answers = exchanges.ask(
            "finish", FinishReply, list(grid.nodes), ConfigRecord({}), round_number=number
        )
        return sorted(answer.site for answer in answers)

    return exchanges, hold, seen


def test_while_it_waits_it_says_for_whom_and_until_when_and_more_rarely_the_longer_it_takes(clock):
    _, hold, seen = held(Slow(clock, a=GOOD, b="silent"), quorum=1)
    assert hold(1) == ["a"]
    notes = [event for event in seen if event["event"] == "awaiting_answers"]
    assert notes[0]["missing"] == ["b"]
    assert notes[0]["left_s"] == 495.0
    assert 8 < len(notes) < 20


def test_beyond_its_usual_time_a_site_is_waited_for_only_until_the_quorum_has_answered(clock):
    patience = Patience(factor=4.0, floor_s=10.0)
    for site, seconds in {"a": 1.0, "b": 20.0}.items():
        patience.note("finish", site, seconds)
    _, hold, seen = held(Slow(clock, a=GOOD, b="silent"), quorum=1, patience=patience)
    assert hold(1) == ["a"]
    (cut,) = (event for event in seen if event["event"] == "wait_cut_short")
    assert (cut["sites"], cut["seconds"]) == (["b"], 80.0)
    # Without the quorum nobody is given up before the deadline.
    _, hold, seen = held(Slow(clock, a=GOOD, b="silent"), quorum=2, patience=patience)
    with pytest.raises(QuorumMissedError, match="FC401") as caught:
        hold(1)
    assert caught.value.may_pass
    assert [event["seconds"] for event in seen if event["event"] == "exchange_ended"] == [500.0]
    assert not [event for event in seen if event["event"] == "wait_cut_short"]


def test_a_late_reply_is_recorded_in_a_later_exchange_and_no_answer_of_it(clock):
    grid = Slow(clock, a=GOOD, b="silent")
    _, hold, seen = held(grid, quorum=1, deadline_s=5.0)
    assert hold(1) == ["a"]
    (given_up,) = (m.metadata.message_id for m in grid.asked if m.metadata.dst_node_id == grid.nodes["b"])
    grid.script["b"] = GOOD
    grid.came = {given_up: clock.now + 3.0, "of nobody": clock.now}
    grid.script["c"], grid.nodes["c"] = "silent", 99
    assert hold(2) == ["a", "b"]
    late = [event for event in seen if event["event"] == "late_reply"]
    assert [(event["round"], event["site"], event["seconds"]) for event in late] == [(1, "b", 8.0)]


@pytest.mark.parametrize(("code", "tries"), [("FC611", TRIES), ("FC615", TRIES), ("FC901", 1)])
def test_a_quorum_lost_by_sites_that_may_come_back_is_tried_again_but_refusals_are_not(code, tries):
    grid = ScriptedGrid(a=GOOD, b=code)
    exchanges, hold, seen = held(grid, quorum=2)
    with pytest.raises(FedchemoError, match="FC401"):
        until_quorum(exchanges, lambda: hold(1), what="a test")
    assert len([event for event in seen if event["event"] == "exchange_started"]) == tries
    assert len([event for event in seen if event["event"] == "quorum_lost"]) == tries - 1


def test_the_second_attempt_counts_alone():
    grid = ScriptedGrid(a=GOOD, b="FC611")
    exchanges, hold, _ = held(grid, quorum=2)
    attempts = []

    def attempt():
        attempts.append(grid.script["b"])
        try:
            return hold(1)
        finally:
            grid.script["b"] = GOOD  # it is back for the next one

    assert until_quorum(exchanges, attempt, what="a test") == ["a", "b"]
    assert attempts == ["FC611", GOOD]
