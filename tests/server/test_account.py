"""A run folder read back: what counts for scores counts once, what left a hospital each time that it left."""

from __future__ import annotations

import json

import pytest

from fedchemo.server.account import read_account
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError

TIME = "2030-01-01T00:00:0{}+00:00"


def answered(site, kind, number, reply, **more):
    return {
        "event": "site_answered",
        "site": site,
        "kind": kind,
        "round": number,
        "seconds": 1.0,
        "reply": reply,
        **more,
    }


def statistics(role, training):
    return {
        "role": role,
        "training": training,
        "validation": None,
        "test": 5,
        "images": None,
        "moments": None,
    }


def trained(loss, validation=None):
    return {"examples": 30, "steps": 3, "loss": loss, "seconds": 2.0, "validation": validation}


@pytest.fixture
def write(tmp_path):
    def written(*events):
        folder = tmp_path / "run"
        if not folder.exists():
            RunFolder(folder).write_configuration(RunConfiguration(name="trial"), "0" * 64)
        lines = (json.dumps({"time": TIME.format(place % 10), **event}) for place, event in enumerate(events))
        (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
        return read_account(folder)

    return written


def test_what_a_resumed_run_did_again_left_twice_and_counts_once(write):
    first = [
        answered("a", "statistics", 0, statistics("train", 30), bytes=100),
        answered("a", "train", 1, trained(0.7), bytes=1000),
        {"event": "run_ended", "outcome": "stopped"},
    ]
    begin = len(json.dumps({"time": TIME.format(0), **first[0]})) + 1
    end = begin + sum(len(json.dumps({"time": TIME.format(place), **first[place]})) + 1 for place in (1, 2))
    account = write(
        *first,
        {"event": "resumed", "round": 0, "void_from": begin, "void_to": end},
        answered("a", "train", 1, trained(0.6), bytes=1000),
        {"event": "run_ended", "outcome": "completed"},
    )
    assert account.training_loss == {"a": {1: 0.6}}
    assert account.outcome == "completed"
    assert account.resumed == 1
    assert {passage.kind: (passage.answers, passage.size) for passage in account.passages} == {
        "statistics": (1, 100),
        "train": (2, 2000),
    }
    assert account.trained_seconds == 4.0


def test_scores_stand_at_the_round_whose_model_they_judge(write):
    def scores(loss):
        return {
            "n": 10,
            "n_pos": 5,
            "loss_sum": loss,
            "loss_squares": loss**2,
            "positives": [5, 0],
            "negatives": [0, 5],
        }

    account = write(
        answered("a", "train", 1, trained(0.7, scores(7.0))),
        answered("b", "evaluate", 0, {"scores": scores(5.0)}),
        {"event": "model_scored", "round": 0, "patients": 20, "log_loss": 0.6, "sites": ["a", "b"]},
        answered("a", "evaluate", 1, {"scores": scores(4.0)}),
        {"event": "model_scored", "round": 1, "patients": 10, "log_loss": 0.4, "sites": ["a"]},
        # The test patients' scores are asked for afterwards, with rounds as numbers too.
        answered("a", "evaluate", 1, {"scores": scores(9.0)}),
    )
    assert [(each.round, dict(each.by_site)) for each in account.rounds] == [
        (0, {"a": 0.7, "b": 0.5}),
        (1, {"a": 0.4}),
    ]


def test_a_run_that_goes_on_or_was_killed_has_no_outcome_and_no_sizes_are_made_up(write):
    account = write(answered("a", "statistics", 0, statistics("train", 30)))
    assert account.outcome == "not ended"
    assert account.summary is None
    assert account.scores == {}
    assert [passage.size for passage in account.passages] == [None]
    assert account.datasets == ()


def test_failures_are_counted_by_code(write):
    account = write(
        {
            "event": "site_failed",
            "site": "a",
            "kind": "train",
            "round": 1,
            "code": "FC901",
            "seconds": 1.0,
            "bytes": 0,
        },
        {"event": "site_silent", "site": "a", "kind": "train", "round": 2},
        {"event": "site_silent", "site": "a", "kind": "train", "round": 3},
    )
    assert {site: dict(codes) for site, codes in account.failures.items()} == {"a": {"FC901": 1, "FC405": 2}}


def test_what_is_no_run_or_damaged_has_a_code(write, tmp_path):
    with pytest.raises(FedchemoError, match="FC404"):
        read_account(tmp_path)
    with pytest.raises(FedchemoError, match="FC780"):
        _ = write(answered("a", "statistics", 0, {"role": "boss"})).sites
    (tmp_path / "run" / "summary.json").write_text("[]")
    with pytest.raises(FedchemoError, match="FC780"):
        read_account(tmp_path / "run")
