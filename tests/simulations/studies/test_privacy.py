"""A privacy setting is a policy that every virtual hospital has; references know no privacy and run once."""

from __future__ import annotations

import json

import pytest

from fedchemo.simulations.studies import job
from fedchemo.simulations.studies.analysis import analyse
from fedchemo.simulations.studies.run import run_study
from fedchemo.simulations.studies.settings import Study

CUT = 1e-4
STUDY = Study.model_validate(
    {
        "name": "privacy",
        "seeds": [0],
        "data": {"patients": 120, "sites": 2, "minimum_patients": 10},
        "references": ["pooled"],
        "privacy": [
            {"name": "nothing demanded"},
            {"name": "cut", "policy": {"largest_update_norm": CUT}},
            {"name": "no score", "policy": {"metrics": "none"}},
        ],
        "run": {"rounds": 2, "site": {"imaging": {"enabled": False}}},
    }
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The study, and what each of its runs wrote down."""
    place = tmp_path_factory.mktemp("privacy")
    told = {}
    original = job._simulated

    def watched(one, folders, run, *rest):
        simulated = original(one, folders, run, *rest)
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        told[one.method, one.privacy.name] = simulated, events
        return simulated

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "_simulated", watched)
        found = run_study(STUDY, place / "study", cache=place / "cache", workers=1)
    return found, told


def test_references_run_once_and_strategies_under_every_setting(finished):
    found, told = finished
    assert set(told) == {("pooled", "nothing demanded"), *(("fedavg", each.name) for each in STUDY.privacy)}
    counts = found.predictions.groupby(["method", "privacy"]).size()
    assert counts.nunique() == 1


def test_updates_are_cut_to_the_norm_demanded(finished):
    _, told = finished
    free, _ = told["fedavg", "nothing demanded"]
    cut, _ = told["fedavg", "cut"]
    moved = {
        name: abs(simulated.outcome.weights - simulated.outcome.baseline).max()
        for name, simulated in (("free", free), ("cut", cut))
    }
    assert 0 < moved["cut"] <= 2 * CUT < moved["free"]


def test_where_no_score_may_leave_none_does_and_the_run_ends(finished):
    _, told = finished
    simulated, events = told["fedavg", "no score"]
    assert simulated.outcome.tests == {"model": {}, "baseline": {}}
    assert simulated.outcome.best == STUDY.run["rounds"]
    replies = [event for event in events if event["event"] == "site_answered"]
    kinds = {event["kind"]: event["reply"] for event in replies}
    assert kinds["train"]["validation"] is None
    assert all(event["reply"]["scores"] is None for event in replies if event["kind"] == "evaluate")


def test_settings_are_compared_with_the_first_one(finished):
    found, _ = finished
    tables = analyse(STUDY, found.predictions, found.patients)
    compared = tables.comparisons
    across = compared[compared["privacy"] == "fedavg under both"]
    assert set(zip(across["first"], across["second"], strict=True)) == {
        ("cut", "nothing demanded"),
        ("no score", "nothing demanded"),
    }
    # The reference, run once, stands beside each setting.
    beside = compared[compared["second"] == "pooled"]
    assert set(beside["privacy"]) == {each.name for each in STUDY.privacy}
