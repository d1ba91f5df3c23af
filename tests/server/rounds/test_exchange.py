"""An exchange: quorum, deadline, failures, and answers from sites that were not asked."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import ConfigRecord, Error, Message
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import FinishReply, TrainReply
from fedchemo.shared.wire.records import reply_content


class ScriptedGrid:
    """Answers as told: a reply, an error code, or silence."""

    def __init__(self, **script):
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self.script = script
        self.nodes = {site: index for index, site in enumerate(script, start=10)}
        self.polls = 0

    def sites(self):
        self.polls += 1
        return self.nodes

    def replies(self, messages, *, timeout):
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
    exchanges = Exchanges(ScriptedGrid(a=GOOD), EventLog(), 2, 1.0, 0.01)
    with pytest.raises(FedchemoError, match="FC401") as caught:
        exchanges.wait_for_quorum(["a", "b"])
    assert "'b'" in caught.value.what


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
    exchanges = Exchanges(ScriptedGrid(a=GOOD), EventLog(), 1, 1.0, 0.0)
    exchanges.wait_for_return(["a", "gone"], seconds=0.01)
    assert exchanges.wait_for_quorum(["a", "gone"]) == ["a"]
