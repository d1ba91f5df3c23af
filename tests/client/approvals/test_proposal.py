"""A run in the words that a person is asked with."""

from __future__ import annotations

from typing import get_args

from fedchemo.client.approvals import Proposal
from fedchemo.shared.configuration import SiteConfiguration, SiteMethod, SiteMethodName


def words(**training):
    configuration = SiteConfiguration.model_validate({"training": training})
    return Proposal("r", "", "0" * 64, configuration).in_words()


def test_how_a_run_trains_is_said():
    told = words()
    assert "1 epoch(s) a round with adamw in batches of 8 patients" in told
    assert "learning rate 0.001, weight decay 0.0001; each step's gradient cut to norm 5" in told
    told = words(optimizer="sgd", batch_size=1, local_steps=1, momentum=0.5, clip_norm=0)
    assert "1 steps a round with sgd in batches of 1 patients" in told
    assert "momentum 0.5; no step cut" in told


def proposal(**method):
    return Proposal("r", "", "0" * 64, SiteConfiguration(), SiteMethod(**method))


def test_another_method_is_another_run():
    """A yes to one is no yes to another: what leaves, and what stays here, differs."""
    options = ({"name": "feddyn", "alpha": 0.5}, {"name": "ditto", "pull": 0.5}, {"fine_tuning_epochs": 3})
    every = [*({"name": name} for name in get_args(SiteMethodName)), *options]
    assert len({proposal(**method).identity for method in every}) == len(every)


def test_what_a_method_asks_beyond_plain_training_is_said():
    plain = proposal().in_words()
    for name in get_args(SiteMethodName):
        assert (proposal(name=name).in_words() == plain) == (name == "plain")
    assert "its weights go to the next hospital as they are" in proposal(name="cyclic").in_words()
    assert "trains 3 epoch(s) more for this hospital alone" in proposal(fine_tuning_epochs=3).in_words()
