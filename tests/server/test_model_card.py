"""The card's numbers are the run's, what is not known is said to be, and a name in it stays a name."""

from __future__ import annotations

import json

import pytest

from fedchemo.server.account import read_account
from fedchemo.server.model_card import model_card, write_model_card
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, SiteConfiguration

HOSTILE = "<b>x</b> | [y](z) `q`\n# w"


@pytest.fixture
def account(tmp_path):
    def read(*, site="north", with_result=True):
        folder = tmp_path / "run"
        RunFolder(folder).write_configuration(RunConfiguration(name="trial", purpose=""), "0" * 64)
        reply = {
            "role": "train",
            "training": 41,
            "validation": 9,
            "test": None,
            "images": None,
            "moments": None,
        }
        told = {
            "time": "2030-01-01T00:00:00+00:00",
            "event": "site_answered",
            "kind": "statistics",
            "round": 0,
        }
        (folder / "events.jsonl").write_text(
            json.dumps({**told, "site": site, "seconds": 1.0, "bytes": 321, "reply": reply}) + "\n"
        )
        if with_result:
            interval = {"value": 0.7, "low": 0.6, "high": 0.8}
            row = {"patients": 30, "positives": 10, "auc": interval, "log_loss": None}
            tested = {"model": {"all sites": row}, "baseline": {}}
            (folder / "summary.json").write_text(
                json.dumps({"best_round": 2, "exact": False, "test": tested})
            )
        return read_account(folder)

    return read


def test_numbers_are_the_runs(account):
    found = account()
    card = model_card(found)
    assert "| model | all sites | 30 | 10 | 0.700 (0.600 to 0.800) | too few |" in card
    assert "| north | train | 41 | 9 | too few | too few |" in card
    assert "| training patients | 41 |" in card
    assert "321 bytes" in card
    assert "score histograms" in card
    write_model_card(found)
    assert (found.path / "model_card.md").read_text() == card


def test_what_is_not_known_is_said_to_be(account):
    card = model_card(account())
    for item in (
        "| data set | not known |",
        "| purpose, in the coordinator's words | not known |",
        "| who answers for it, funding, registration, ethics | not known |",
        "| attacks measured on this model | none;",
        "By age, race, menopause or subtype: not known",
    ):
        assert item in card
    assert "None" not in card


def test_a_run_without_a_model_says_so(account):
    card = model_card(account(with_result=False))
    assert "**The run has no model. How it ended: not ended.**" in card
    assert "Not known: no hospital let scores" in card


def test_a_name_stays_a_name(account):
    card = model_card(account(site=HOSTILE))
    assert "<b>" not in card
    assert "\n# w" not in card
    (row,) = [line for line in card.splitlines() if "| train | 41 |" in line]
    assert row.replace("\\|", "").count("|") == 7


def test_the_card_must_speak_of_privacy_settings_once_there_are_any():
    settings = {*RunConfiguration.model_fields, *SiteConfiguration.model_fields}
    assert not [name for name in settings if "privacy" in name or "secure" in name or "noise" in name]
