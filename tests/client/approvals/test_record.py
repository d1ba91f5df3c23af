"""`approvals.json`: what was asked and what was said, by two programs at once."""

from __future__ import annotations

import threading

import pytest

from fedchemo.client.approvals import Proposal, Record
from fedchemo.client.approvals.record import MOST_WAITING
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError


def proposal(run="first", purpose="predict pCR", fingerprint="a" * 64, **configuration):
    return Proposal(run, purpose, fingerprint, SiteConfiguration.model_validate(configuration))


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "approvals.json")


def test_a_run_is_asked_once_and_keeps_its_answer(record, tmp_path):
    asked = proposal()
    assert record.decision(asked, for_all_alike=False) is None
    record.ask(asked)
    assert record.decision(asked, for_all_alike=False) == "waiting"
    record.decide(asked.identity, "approved")
    record.ask(asked)
    assert Record(record.path).decision(asked, for_all_alike=False) == "approved"
    record.decide(asked.identity, "denied")
    assert record.decision(asked, for_all_alike=True) == "denied"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "other",
    [
        proposal(run="second"),
        proposal(purpose="predict something else"),
        proposal(fingerprint="b" * 64),
        proposal(training={"local_epochs": 2}),
        proposal(seed=1),
    ],
)
def test_a_run_that_differs_in_anything_is_another_run(record, other):
    record.ask(proposal())
    record.decide(proposal().identity, "approved")
    assert record.decision(other, for_all_alike=False) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (proposal(run="second", seed=1), "approved"),
        (proposal(purpose="predict something else"), None),
        (proposal(fingerprint="b" * 64), None),
    ],
)
def test_once_holds_for_the_same_purpose_and_model_only(record, other, expected):
    record.ask(proposal())
    record.decide(proposal().identity, "approved")
    assert record.decision(other, for_all_alike=True) == expected


def test_a_run_is_found_by_name_or_number(record):
    first, second = proposal(), proposal(run="second")
    again = proposal(seed=1)
    for one in (first, second, again):
        record.ask(one)
    assert record.find(second.number).run == "second"
    assert record.find("second").identity == second.identity
    with pytest.raises(FedchemoError, match="FC922"):
        record.find("first")
    record.decide(first.identity, "denied")
    assert record.find("first").identity == again.identity, "of two, the one that waits is meant"
    for wanted in ("third", "", "0"):
        with pytest.raises(FedchemoError, match="FC922"):
            record.find(wanted)


def test_ever_new_names_do_not_fill_the_file_nor_push_out_answers(record):
    record.ask(proposal())
    record.decide(proposal().identity, "approved")
    for number in range(MOST_WAITING + 5):
        record.ask(proposal(run=f"r{number}"))
    assert len(record.read()) == MOST_WAITING + 1
    assert record.decision(proposal(), for_all_alike=False) == "approved"


def test_two_programs_lose_nothing_of_each_other(record):
    def ask(first):
        own = Record(record.path)
        for number in range(first, 20, 2):
            own.ask(proposal(run=f"r{number}"))

    threads = [threading.Thread(target=ask, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.run for one in record.read().values()} == {f"r{number}" for number in range(20)}


def test_a_damaged_file_is_no_approval(record):
    record.path.write_text('{"runs": [{"decision": "approved"}]}')
    with pytest.raises(FedchemoError, match="FC924"):
        record.decision(proposal(), for_all_alike=True)
