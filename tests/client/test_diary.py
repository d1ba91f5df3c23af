"""What the client says on its screen."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fedchemo.client.diary import Diary
from tests.networked import federation, kit_of


@pytest.fixture
def said(tmp_path):
    kit = kit_of(federation(tmp_path / "fed", sites=("A",)), "A")
    console = Console(width=300, record=True, file=io.StringIO())
    diary = Diary(console, kit, answering="fedchemo client approve --state S")

    def say(event, **details):
        diary.notice(event, details)
        return console.export_text()

    return say


def test_a_question_says_what_for_and_what_to_type(said):
    details = {"run": "first", "purpose": "predict pCR", "fingerprint": "a" * 64, "number": "12345678"}
    told = said("asked", **details, settings="uses no images", wait_s=1800.0, terminal=False)
    assert "purpose: predict pCR" in told
    assert "type:  fedchemo client approve --state S 12345678" in told
    assert "refused after 30 minutes" in told
    assert "type yes or no here" in said("asked", **details, settings="", wait_s=60.0, terminal=True)


def test_what_others_wrote_does_not_steer_the_terminal(said):
    told = said("refused", code="FC304", what="key \x1b]0;title\x07 [red]x \u202egnirts")
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    assert "[red]x" in told


def test_a_refused_round_is_not_called_an_update(said):
    replied = {"type": "train", "seconds": 1.0, "bytes": 3_500_000}
    assert said("replied", **replied, code="FC901") == ""
    assert "sent an update (3.5 MB)" in said("replied", **replied, code="")


def test_events_without_words_are_not_said(said):
    assert said("received", type="train", run=1) == ""


def test_a_model_of_ones_own_is_told_with_its_gain(said):
    told = said(
        "personal", run="first", round=3, path="/state/methods/personal/first-1234", before="A", after="B"
    )
    assert 'the run "first" has left this hospital a model of its own: /state/methods/personal' in told
    assert told.index("run's model here: A") < told.index("its own model here:   B")
