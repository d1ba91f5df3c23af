"""Who was in the training data, guessed from a model's loss (arXiv 1709.01604): members have a smaller one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.encoding import names
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.wire.messages import TrainRequest
from tests.attacks.hostile import site_configuration, statistics_of
from tests.sites import SMALL, write_site

BOUND = 0.7
"""At most so well may a model as it is trained by default tell members from others; .5 is chance, and with this many
patients chance alone reaches .62 once in twenty times."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Participant:
    folder = tmp_path_factory.mktemp("members")
    cohort = read_site(write_site(folder, "A", patients=120, images=120))
    return Participant(cohort, folder / "images", policy=Policy(approvals="always"))


def told_apart(members: np.ndarray, others: np.ndarray) -> float:
    """Return the AUC with which losses tell members from others."""
    return float(
        roc_auc_score(np.repeat([1, 0], [len(members), len(others)]), -np.concatenate([members, others]))
    )


def losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, np.where(labels == 1, -logits, logits))


def test_the_positive_control_an_overfit_model_gives_its_members_away(site):
    """A weight for every voxel, trained until nothing is left to learn."""
    configuration = site_configuration(**SMALL)
    images, pcr = site._images.of(configuration.imaging), site.cohort.clinical["pcr"]

    def data(*splits: str) -> tuple[torch.Tensor, torch.Tensor]:
        patients = [patient for split in splits for patient in site.cohort.patients(split)]
        labels = torch.tensor(pcr.loc[patients].to_numpy(np.float32))
        return images.batch(patients).float().flatten(1), labels

    (x, y), (other_x, other_y) = data("train"), data("validation", "test")
    middle = x.mean(0)
    weight = torch.zeros(x.shape[1], requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits((x - middle) @ weight, y).backward()
        optimizer.step()
    with torch.no_grad():
        seen, unseen = (x - middle) @ weight, (other_x - middle) @ weight
    assert told_apart(losses(seen.numpy(), y.numpy()), losses(unseen.numpy(), other_y.numpy())) > 0.9


def test_a_model_as_it_is_trained_by_default_does_not(site):
    configuration = site_configuration(**SMALL)
    model = build(configuration.model, configuration.imaging, len(names(configuration.clinical)))
    initialise(model, 0)
    statistics = statistics_of(
        configuration, means=(0.5, 0.5, 0.25, 0.5, 50.0, 2.7), deviations=(0.5, 0.5, 0.43, 0.5, 10.0, 0.9)
    )
    printed = fingerprint(configuration, manifest(model), names(configuration.clinical))
    weights = pack(model)
    for number in range(1, 11):
        request = TrainRequest(
            run="r", round=number, fingerprint=printed, configuration=configuration, statistics=statistics
        )
        _, weights = site.train(request, weights)

    def found(*splits: str) -> np.ndarray:
        parts = [site.probabilities(split, configuration, statistics, weights) for split in splits]
        return np.concatenate([losses(np.log(chance / (1 - chance)), labels) for _, chance, labels in parts])

    members, others = found("train"), found("validation", "test")
    assert len(others) >= 20
    assert told_apart(members, others) < BOUND
