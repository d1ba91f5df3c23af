"""A run in the words that a person is asked with."""

from __future__ import annotations

from fedchemo.client.approvals import Proposal
from fedchemo.shared.configuration import SiteConfiguration


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
