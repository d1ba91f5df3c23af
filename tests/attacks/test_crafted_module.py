"""A module that is made to collect records, as in "Robbing the Fed" (arXiv 2110.13057) and MediLeak (2407.09972).

Such a module goes through any number of patients and through secure aggregation. It must not be built at all: the
hospital builds the model from its own code and compares the fingerprint before it looks at a patient.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.encoding import encode, names
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import structure
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.packing import Entry, Manifest, manifest
from fedchemo.shared.wire.messages import EvaluateRequest, LogisticRequest, StatisticsRequest, TrainRequest
from tests.attacks.hostile import model_of, site_configuration, statistics_of
from tests.sites import write_site

BINS = 256


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_site(write_site(tmp_path_factory.mktemp("crafted"), "A", patients=60))


class Untouchable:
    """Stands where a cohort would and ends the test at a look."""

    site = "A"

    def __getattr__(self, name: str) -> object:
        pytest.fail(f"the cohort was looked at: {name}")


@pytest.fixture
def guarded(tmp_path) -> Participant:
    """A participant whose patients must not be touched."""
    return Participant(Untouchable(), tmp_path / "images", policy=Policy(approvals="always"))  # type: ignore[arg-type]


def test_the_positive_control_the_module_reads_records_off_a_whole_cohort(cohort):
    """Rows that all measure the same, with thresholds between the patients: neighbours differ by one patient."""
    configuration = site_configuration()
    frame = cohort.clinical.loc[cohort.patients("train")]
    x = torch.from_numpy(encode(frame, configuration.clinical, statistics_of(configuration)))
    assert len(x) >= 20
    measure = torch.randn(x.shape[1], generator=torch.Generator().manual_seed(0))
    scores = x @ measure
    edges = torch.linspace(float(scores.min()) - 1e-3, float(scores.max()), BINS)
    weight = measure.repeat(BINS, 1).requires_grad_()
    bias = (-edges).clone().requires_grad_()
    torch.relu(x @ weight.T + bias).sum(1).mul(0.01).sigmoid().sum().backward()
    step_w = (weight.grad[:-1] - weight.grad[1:]).numpy()
    step_b = (bias.grad[:-1] - bias.grad[1:]).numpy()
    guesses = step_w[np.abs(step_b) > 1e-9] / step_b[np.abs(step_b) > 1e-9, None]
    read = [
        record
        for record in x.numpy()
        if (np.linalg.norm(guesses - record, axis=1) < 0.01 * np.linalg.norm(record)).any()
    ]
    assert len(read) > 10, "records of many patients, from one update of all of them"


def crafted(kind: str) -> tuple[str, int]:
    """Return the fingerprint and the size of our model with the attacker's change in its manifest."""
    configuration = site_configuration()
    features = names(configuration.clinical)
    entries = list(manifest(structure(configuration.model, configuration.imaging, len(features))).entries)
    match kind:
        case "another layer":
            entries.append(Entry(name="imprint.weight", shape=(BINS, len(features))))
        case "another shape":
            entries[-1] = Entry(name=entries[-1].name, shape=(BINS, *entries[-1].shape[1:]))
        case "another name":
            entries[0] = Entry(name="clinical.imprint", shape=entries[0].shape)
        case "another order":
            entries.reverse()
    changed = Manifest(entries=tuple(entries))
    return fingerprint(configuration, changed, features), changed.size


@pytest.mark.parametrize("kind", ["another layer", "another shape", "another name", "another order"])
def test_it_is_refused_by_its_fingerprint_before_a_patient_is_looked_at(guarded, kind):
    configuration = site_configuration()
    printed, size = crafted(kind)
    terms = {"run": "attack", "fingerprint": printed, "configuration": configuration}
    statistics = statistics_of(configuration)
    weights = np.zeros(size, np.float32)
    with pytest.raises(FedchemoError, match="FC302"):
        guarded.statistics(StatisticsRequest(**terms))
    with pytest.raises(FedchemoError, match="FC302"):
        guarded.logistic(LogisticRequest(**terms, statistics=statistics, coefficients=(0.0,)))
    with pytest.raises(FedchemoError, match="FC302"):
        guarded.train(TrainRequest(**terms, statistics=statistics), weights)
    with pytest.raises(FedchemoError, match="FC302"):
        guarded.evaluate(EvaluateRequest(**terms, statistics=statistics, split="test"), weights)


def test_its_weights_under_our_fingerprint_are_refused_before_a_patient_is_looked_at(guarded):
    configuration = site_configuration()
    _, printed = model_of(configuration)
    _, size = crafted("another layer")
    request = TrainRequest(
        run="attack",
        fingerprint=printed,
        configuration=configuration,
        statistics=statistics_of(configuration),
    )
    for weights in (np.zeros(size, np.float32), np.zeros(size, np.float64)):
        with pytest.raises(FedchemoError, match="FC305"):
            guarded.train(request, weights)


def test_a_model_of_another_width_is_another_model(guarded):
    """A coordinator may ask for any model of our code: a person sees its fingerprint, the policy bounds its size."""
    configuration = site_configuration(
        imaging={"enabled": True}, model={"widths": [512] * 4, "blocks": [8] * 4}
    )
    _, printed = model_of(configuration)
    guarded.policy = Policy(approvals="always", largest_model_parameters=1_000_000)
    with pytest.raises(FedchemoError, match="FC912"):
        guarded.statistics(StatisticsRequest(run="attack", fingerprint=printed, configuration=configuration))
