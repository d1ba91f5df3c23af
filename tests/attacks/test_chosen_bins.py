"""Histograms whose bins are chosen so that a patient stands alone: bins cannot be chosen, and models are counted.

Sliding the edges of bins along the scores takes a histogram apart patient by patient. No request has a field for
edges. A coordinator can slide the model instead, by its intercept, as it can with any weights; how often is bounded.
"""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.policy.memory import MOST_TEST_SCORES
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.histogram import BINS
from fedchemo.shared.wire.messages import EvaluateRequest
from tests.attacks.hostile import fields_of, model_of, site_configuration
from tests.sites import write_site


@pytest.fixture
def site(tmp_path) -> Participant:
    cohort = read_site(write_site(tmp_path, "A", patients=200, images=0))
    return Participant(cohort, tmp_path / "images", policy=Policy(approvals="always"))


def request(split="test", **more) -> EvaluateRequest:
    return EvaluateRequest.model_validate(fields_of(EvaluateRequest, split=split) | more)


def slid(number: float) -> np.ndarray:
    """A model that says the same of everybody, a little more each time: an edge passes over them all."""
    size, _ = model_of(site_configuration())
    return np.full(size, 0.001 * number, dtype=np.float32)


@pytest.mark.parametrize("extra", [{"edges": [0.0, 0.31, 0.32, 1.0]}, {"bins": 1000}, {"stretch": 100.0}])
def test_bins_cannot_be_chosen(site, extra):
    scores = site.evaluate(request(), slid(0)).scores
    assert scores is not None
    assert len(scores.positives) == BINS
    with pytest.raises(ValidationError):
        request(**extra)


def test_models_that_are_scored_on_test_patients_are_counted(site):
    for number in range(MOST_TEST_SCORES):
        site.evaluate(request(), slid(number))
    again = [site.evaluate(request(), slid(3)) for _ in range(5)]
    assert all(reply == again[0] for reply in again), "what was answered is answered again"
    with pytest.raises(FedchemoError, match="FC721"):
        site.evaluate(request(), slid(99))
    # Validation patients are scored in every round; they are no secret kept for the end.
    assert site.evaluate(request(split="validation"), slid(99)).scores is not None
