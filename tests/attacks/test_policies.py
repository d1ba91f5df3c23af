"""A coordinator asks for what the hospital's policy keeps in; the policy holds, whatever is asked."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from fedchemo.client.diary import Diary
from fedchemo.shared.wire.messages import EvaluateRequest, FinishRequest, LogisticRequest, TrainRequest
from tests.attacks.hospitals import Hospital
from tests.attacks.hostile import HostileFleet, Reply, fields_of, model_of, site_configuration
from tests.networked import federation, until
from tests.sites import write_site

pytestmark = pytest.mark.network
SIZE = model_of(site_configuration())[0]
ZEROS = np.zeros(SIZE, np.float32)
COEFFICIENTS = [0.0] * 12


@contextlib.contextmanager
def asking(folder: Path, *, patients: int = 60, policy: str = "", approve_all: bool = True) -> Iterator[Any]:
    """Run a hospital with a policy, and a coordinator in the hands of an attacker."""
    fed = federation(folder / "fed", sites=("A",))
    site = write_site(folder, "A", patients=patients)
    with (
        HostileFleet(fed).serving() as fleet,
        Hospital(
            fed.kit("A"), site, folder / "state", policy=policy, approve_all=approve_all
        ).running() as hospital,
    ):
        until(lambda: hospital.state.ledger.exists() and hospital.lines("joined"), what="A has joined")
        yield fleet, hospital
        assert hospital.alive
        hospital.check_ledger()


def said(reply: Reply) -> dict[str, Any]:
    """Return the typed answer among the objects of a reply."""
    (record,) = [one for one in reply.objects if one.startswith(b"ConfigRecord ")]
    text = record.split(b"\0", 1)[1].decode("utf-8", "replace")
    begin = text.index("{")
    found = json.loads(text[begin : text.rindex("}") + 1])
    while "reply" in found:
        found = found["reply"]
        found = json.loads(found) if isinstance(found, str) else found.get("value", found.get("s", found))
    return dict(found)


def test_with_metrics_none_no_score_leaves_and_an_update_does(tmp_path):
    with asking(tmp_path, policy='metrics = "none"\n') as (fleet, hospital):
        for split in ("validation", "test"):
            scored = fleet.reply(fleet.ask(fields_of(EvaluateRequest, split=split), ZEROS, kind="evaluate"))
            assert said(scored) == {"scores": None, "parts": 1}
        trained = fleet.reply(fleet.ask(fields_of(TrainRequest), ZEROS, kind="train"))
        assert said(trained)["loss"] is None
        assert said(trained)["validation"] is None
        assert any(one.startswith(b"ArrayChunk ") for one in trained.objects)
        assert any("no training loss; validation no scores" in line.words for line in hospital.lines("sent"))


def test_the_control_without_that_rule_scores_leave(tmp_path):
    with asking(tmp_path, patients=120) as (fleet, _):
        trained = fleet.reply(fleet.ask(fields_of(TrainRequest), ZEROS, kind="train"))
        assert said(trained)["loss"] is not None
        assert said(trained)["validation"] is not None


def test_of_a_small_cohort_no_count_no_sum_and_no_update_leaves(tmp_path):
    with asking(tmp_path, patients=6) as (fleet, hospital):
        counted = said(fleet.reply(fleet.ask(fields_of())))
        assert counted["role"] == "evaluate"
        assert counted["moments"] is None
        assert all(counted[name] is None for name in ("validation", "test", "images"))
        assert fleet.reply(fleet.ask(fields_of(TrainRequest), ZEROS, kind="train")).code == "FC901"
        asked = fields_of(LogisticRequest, coefficients=COEFFICIENTS)
        assert fleet.reply(fleet.ask(asked, kind="query.logistic")).code == "FC901"
        scored = fleet.reply(fleet.ask(fields_of(EvaluateRequest, split="test"), ZEROS, kind="evaluate"))
        assert said(scored) == {"scores": None, "parts": 1}
        assert [line.words[:5] for line in hospital.lines("refused")] == ["FC901"] * 2


@pytest.mark.parametrize(
    ("policy", "changes", "code"),
    [
        ("images = false", {"imaging": {"grid": 16, "spacing_mm": 4.0, "enabled": True}}, "FC906"),
        ("arm = false", {"clinical": {"arms": ["Pembrolizumab"]}}, "FC907"),
        ("hours = []", {}, "FC908"),
        ("secure_aggregation_required = true", {}, "FC909"),
        ("noise_required = true", {}, "FC909"),
        ("largest_model_parameters = 5", {}, "FC912"),
        ('approvals = "never"', {}, "FC905"),
    ],
)
def test_what_the_policy_forbids_is_refused_by_its_number(tmp_path, policy, changes, code):
    with asking(tmp_path, policy=policy + "\n") as (fleet, hospital):
        assert fleet.reply(fleet.ask(fields_of(configuration=site_configuration(**changes)))).code == code
        assert hospital.lines("refused")[0].words.startswith(code)
        assert not [line for line in hospital.lines("sent") if "counts of patients" in line.words]


def test_a_run_that_nobody_approved_gets_nothing(tmp_path):
    with asking(tmp_path, policy="approval_wait_minutes = 0.01\n", approve_all=False) as (fleet, hospital):
        assert fleet.reply(fleet.ask(fields_of())).code == "FC904"
        assert fleet.reply(fleet.ask(fields_of(TrainRequest), ZEROS, kind="train")).code == "FC904"
        assert {line.event for line in hospital.lines()} >= {"asked", "refused", "sent"}


def test_who_is_refused_cannot_fill_the_ledger_by_ends_of_runs_in_between(tmp_path):
    """The end of a run that was refused is acknowledged, once, and does not count as good behaviour."""
    end = {"kind": "query.finish"}
    with asking(tmp_path, policy='approvals = "never"\n', approve_all=False) as (fleet, hospital):
        for number in range(7):
            run = f"run {number}"
            assert fleet.reply(fleet.ask(fields_of(run=run))).code == "FC905"
            finish = fields_of(FinishRequest, run=run, outcome="stopped")
            assert fleet.reply(fleet.ask(finish, **end)).code == ""
        before = len(hospital.lines("refused"))
        asked = [fleet.ask(fields_of(run=f"more {number}")) for number in range(30)]
        fleet.reply(asked[0])
        time.sleep(2.5)  # the waits are 0.8, 1.6, 3.2 s and so on
        assert 1 <= len(hospital.lines("refused")) - before <= 4


def test_an_update_is_no_longer_than_the_policy_says(tmp_path):
    with asking(tmp_path, policy="largest_update_norm = 0.001\n") as (fleet, hospital):
        trained = fleet.reply(fleet.ask(fields_of(TrainRequest), ZEROS, kind="train"))
        chunks = b"".join(one.split(b"\0", 1)[1] for one in trained.objects if one.startswith(b"ArrayChunk "))
        update = np.frombuffer(chunks[-4 * SIZE :], np.float32)
        assert 0 < np.linalg.norm(update) <= 0.001 * (1 + 1e-6)
        assert hospital.lines("clipped")


def test_a_hospital_can_stop_in_the_middle_of_a_training_that_was_made_long(tmp_path):
    """100,000 steps are within the schema; whoever stops the client wants it stopped."""
    fed = federation(tmp_path / "fed", sites=("A",))
    site = write_site(tmp_path, "A", patients=60)
    steps: list[int] = []
    configuration = site_configuration(training={"local_steps": 3000})
    noted = mock.patch.object(Diary, "_on_training", lambda _, details: steps.append(details["step"]))
    with noted, HostileFleet(fed).serving() as fleet:
        with Hospital(fed.kit("A"), site, tmp_path / "state").running() as hospital:
            fleet.ask(fields_of(TrainRequest, configuration=configuration), ZEROS, kind="train")
            until(lambda: steps, what="it trains")
        assert hospital.error is None
        assert hospital.lines("refused")[0].words.startswith("FC615")
        assert not [line for line in hospital.lines("sent") if "update" in line.words]
    assert steps[-1] < 3000
