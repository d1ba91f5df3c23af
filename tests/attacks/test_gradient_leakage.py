"""Records read off an update: the attack works on a naive site, and what stands in its way at ours.

For a layer y = W x + b and one patient, dL/dW = (dL/dy) x and dL/db = dL/dy, so that x = dW / db, exactly
(arXiv 2003.14053, section 3). A coordinator that may choose how a site trains will ask for just that.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedchemo.client.cohort import read_site
from fedchemo.client.gate import release
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.encoding import encode, names
from fedchemo.shared.configuration import SiteMethod
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack, unpack
from fedchemo.shared.wire.messages import LogisticRequest, TrainRequest
from fedchemo.shared.wire.records import read_weights
from tests.attacks.hostile import CLINICAL, model_of, site_configuration, statistics_of
from tests.sites import SMALL, write_site

NEAR = 0.05
"""A record counts as read when the guess is nearer to it than this share of its length."""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_site(write_site(tmp_path_factory.mktemp("leak"), "A", patients=60, images=24))


@pytest.fixture
def site(cohort, tmp_path) -> Participant:
    return Participant(cohort, tmp_path / "images", policy=Policy(approvals="always"))


def records(site: Participant, configuration, statistics=None) -> np.ndarray:
    """Return the encoded clinical vectors of the training patients, (n, d)."""
    frame = site.cohort.clinical.loc[site.cohort.patients("train")]
    return encode(frame, configuration.clinical, statistics or statistics_of(configuration))


def moved(
    site: Participant, configuration, statistics=None, **changes
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ask for an update as the coordinator would.

    Returns:
        By how much the clinical layer's weights (d,) and bias (1,) have moved, and the records (n, d) that the
        coordinator should not be able to read off them.
    """
    statistics = statistics or statistics_of(configuration)
    training = configuration.training.model_copy(update=changes)
    configuration = configuration.model_copy(update={"training": training})
    model = build(configuration.model, configuration.imaging, len(names(configuration.clinical)))
    initialise(model, 0)
    sent = pack(model)
    printed = fingerprint(configuration, manifest(model), names(configuration.clinical))
    request = TrainRequest(
        run="attack", round=1, fingerprint=printed, configuration=configuration, statistics=statistics
    )
    reply, update = site.train(request, sent)
    got = read_weights(release(reply, update, received=sent, policy=site.policy, request=request))
    assert got is not None
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    unpack(model, got)
    by = {name: (tensor - before[name]).numpy() for name, tensor in model.state_dict().items()}
    return by["clinical.weight"][0], by["clinical.bias"], records(site, configuration, statistics)


def distance(guess: np.ndarray, found: np.ndarray) -> float:
    """Return how near the guess comes to the nearest record, as a share of that record's length."""
    return float((np.linalg.norm(found - guess, axis=1) / np.linalg.norm(found, axis=1)).min())


def test_the_positive_control_a_naive_site_gives_a_record_away(site):
    configuration = site_configuration()
    x = torch.from_numpy(records(site, configuration)[:1])
    encoder = torch.nn.Linear(x.shape[1], 16)
    model = torch.nn.Sequential(encoder, torch.nn.ReLU(), torch.nn.Linear(16, 1))
    before = encoder.weight.detach().clone(), encoder.bias.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.nn.functional.binary_cross_entropy_with_logits(model(x), torch.ones(1, 1)).backward()
    optimizer.step()
    moved_w, moved_b = encoder.weight.detach() - before[0], encoder.bias.detach() - before[1]
    row = int(moved_b.abs().argmax())
    guess = (moved_w[row] / moved_b[row]).numpy()
    assert distance(guess, x.numpy()) < 1e-3


@pytest.mark.parametrize("images", [False, True], ids=["clinical", "with images"])
def test_an_update_as_it_is_asked_for_by_default_gives_no_record_away(site, images):
    configuration = site_configuration(**(SMALL if images else CLINICAL))
    weight, bias, found = moved(site, configuration)
    assert len(found) >= 20
    assert distance(weight / bias, found) > 0.3


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "batch_size": 1, "local_steps": 1, "clip_norm": 0.0, "weight_decay": 0.0},
        {"optimizer": "sgd", "batch_size": 1, "local_steps": 1, "learning_rate": 10.0, "weight_decay": 0.0},
    ],
    ids=["small step", "large step"],
)
def test_an_update_from_a_single_patient_cannot_be_asked_for(site, changes):
    """The cohort has more than 20 patients; the update would have seen one of them."""
    try:
        weight, bias, found = moved(site, site_configuration(), **changes)
    except FedchemoError as error:
        if error.code.startswith("FC9"):
            return
        raise
    assert distance(weight / bias, found) > NEAR


def test_an_update_cannot_be_made_to_forget_all_patients_but_the_last(site):
    """A whole epoch of SGD, patient by patient; the decay takes away all of the earlier steps."""
    changes = {
        "optimizer": "sgd",
        "batch_size": 1,
        "learning_rate": 1.0,
        "weight_decay": 1.0,
        "clip_norm": 0.0,
    }
    configuration = site_configuration()
    usual = statistics_of(
        configuration, means=(0.5, 0.5, 0.25, 0.5, 50.0, 2.7), deviations=(0.5, 0.5, 0.43, 0.5, 10.0, 0.9)
    )
    try:
        weight, _, found = moved(site, configuration, usual, **changes)
    except FedchemoError as error:
        if error.code.startswith("FC9"):
            return
        raise
    cosines = np.abs(found @ weight) / np.linalg.norm(found, axis=1) / np.linalg.norm(weight)
    assert cosines.max() < 1 - 1e-5, "the weights point at the last patient"


@pytest.mark.parametrize(
    ("changes", "proximal_mu"),
    [
        ({"proximal_mu": 1.0, "learning_rate": 1.0}, 1.0),
        ({"optimizer": "sgd", "batch_size": 32, "momentum": 0.9999}, 0.0),
        ({"clip_norm": 1e-9}, 0.0),
        ({"batch_size": 1}, 0.0),
        ({"optimizer": "sgd", "batch_size": 19}, 0.0),
        ({"local_steps": 2}, 0.0),
        # 60 patients are 36 to train on: two batches of 18.
        ({"optimizer": "sgd", "batch_size": 20, "local_steps": 1}, 0.0),
    ],
)
def test_other_ways_to_an_update_of_few_patients_are_refused(site, changes, proximal_mu):
    configuration = site_configuration()
    training = {key: value for key, value in changes.items() if key != "proximal_mu"}
    configuration = configuration.model_copy(
        update={"training": configuration.training.model_copy(update=training)}
    )
    size, printed = model_of(configuration)
    request = TrainRequest(
        run="attack", round=1, fingerprint=printed, configuration=configuration,
        statistics=statistics_of(configuration),
    )  # fmt: skip
    with pytest.raises(FedchemoError, match="FC913"):
        site.train(request, np.zeros(size, np.float32), proximal_mu=proximal_mu)


def asked_for(site, method, **training):
    """Ask for an update by a method, with zeros as weights."""
    configuration = site_configuration()
    configuration = configuration.model_copy(
        update={"training": configuration.training.model_copy(update=training)}
    )
    size, printed = model_of(configuration)
    request = TrainRequest(
        run="attack", round=1, fingerprint=printed, configuration=configuration,
        method=method, statistics=statistics_of(configuration),
    )  # fmt: skip
    return site.train(request, np.zeros(2 * size if method.name == "scaffold" else size, np.float32))


PLAIN_SGD = {"optimizer": "sgd", "weight_decay": 0.0, "learning_rate": 0.1}


@pytest.mark.parametrize("name", ["scaffold", "feddyn"])
@pytest.mark.parametrize(
    ("training", "code"),
    [
        # AdamW, and steps that go on by themselves, may have small batches; these methods may have neither.
        ({"batch_size": 4}, "FC304"),
        ({**PLAIN_SGD, "batch_size": 20, "momentum": 0.9}, "FC304"),
        ({**PLAIN_SGD, "batch_size": 19}, "FC913"),
    ],
)
def test_no_constant_in_the_gradient_leads_past_all_but_a_small_batch(site, name, training, code):
    """Steps along a known constant end wherever the attacker likes: say where only the last batch has a gradient."""
    site.methods = site.cache / "methods"
    with pytest.raises(FedchemoError, match=code):
        asked_for(site, SiteMethod(name=name), **training)
    reply, _ = asked_for(site, SiteMethod(name=name), **PLAIN_SGD, batch_size=20)
    assert reply.examples >= 20


def test_the_pull_of_feddyn_counts_as_forgetting(site):
    site.methods = site.cache / "methods"
    with pytest.raises(FedchemoError, match="FC913"):
        asked_for(site, SiteMethod(name="feddyn", alpha=1.5), **PLAIN_SGD, batch_size=20)
    # Ditto's pulls a model that stays here.
    assert asked_for(site, SiteMethod(name="ditto", pull=1.5), **PLAIN_SGD, batch_size=20)


def sums_at(site, *, statistics=None, **coefficients):
    """Ask for the clinical model's sums at coefficients by name; the others are 0."""
    configuration = site_configuration()
    named = [*names(configuration.clinical), "intercept"]
    request = LogisticRequest(
        run="attack", fingerprint=model_of(configuration)[1], configuration=configuration,
        statistics=statistics or statistics_of(configuration),
        coefficients=tuple(float(coefficients.get(name, 0.0)) for name in named),
    )  # fmt: skip
    return site.logistic(request)


USUAL = {"means": (0.5, 0.5, 0.25, 0.5, 50.0, 2.7), "deviations": (0.5, 0.5, 0.43, 0.5, 10.0, 0.9)}


@pytest.mark.parametrize("place", [-1.5, -0.5, 0.0, 0.5, 1.5])
def test_coefficients_within_the_bound_single_nobody_out_either(site, place):
    """A threshold between two patients: wherever it lies, few are near it."""
    statistics = statistics_of(site_configuration(), **USUAL)
    with pytest.raises(FedchemoError, match="FC914"):
        sums_at(site, statistics=statistics, age_years=49.0, intercept=-49.0 * place * 0.9)


def test_statistics_cannot_make_small_coefficients_steep(site):
    configuration = site_configuration()
    tiny = (1.0, 1.0, 1.0, 1.0, 1e-3, 1.0)
    with pytest.raises(FedchemoError, match="FC915"):
        sums_at(site, statistics=statistics_of(configuration, deviations=tiny), age_years=0.1)
    assert sums_at(site).count == len(records(site, configuration))
    with pytest.raises(FedchemoError, match="FC915"):
        sums_at(site, statistics=statistics_of(configuration, **USUAL))


def test_the_steps_of_the_clinical_model_are_counted(site):
    for number in range(30):
        sums_at(site, intercept=0.01 * number)
    assert sums_at(site, intercept=0.0) == sums_at(site, intercept=0.0), "what was answered is answered again"
    with pytest.raises(FedchemoError, match="FC914"):
        sums_at(site, intercept=0.5)


def test_sums_for_the_clinical_model_cannot_be_made_to_single_one_patient_out(site):
    """With steep coefficients p (1 - p) vanishes for all but who is next to a threshold: the Hessian is x x'."""
    configuration = site_configuration()
    _, printed = model_of(configuration)
    features = names(configuration.clinical)
    found = records(site, configuration)
    age = features.index("age_years")
    middle = float(np.median(found[:, age]))
    steep = np.zeros(len(features) + 1)
    steep[age], steep[-1] = 200.0, -200.0 * middle
    request = LogisticRequest(
        run="attack", fingerprint=printed, configuration=configuration,
        statistics=statistics_of(configuration), coefficients=tuple(steep.tolist()),
    )  # fmt: skip
    try:
        reply = site.logistic(request)
    except FedchemoError as error:
        if error.code.startswith("FC9"):
            return
        raise
    hessian = np.array(reply.hessian).reshape(len(steep), len(steep))
    values = np.linalg.eigvalsh(hessian)
    guess = hessian[-1, :-1] / hessian[-1, -1]
    assert values[-1] / values.sum() < 0.99 or distance(guess, found) > NEAR
    assert distance(guess, found) > NEAR


def test_a_value_that_one_patient_misses_does_not_give_the_patient_away(tmp_path):
    """No steep coefficients are needed: the first question of an honest fit will do."""
    cohort = read_site(write_site(tmp_path, "A", patients=60))
    patient = cohort.patients("train")[0]
    cohort.clinical.loc[patient, "age_years"] = np.nan
    site = Participant(cohort, tmp_path / "images", policy=Policy(approvals="always"))
    configuration = site_configuration()
    try:
        reply = sums_at(site)
    except FedchemoError as error:
        if error.code.startswith("FC9"):
            return
        raise
    row = names(configuration.clinical).index("age_years_missing")
    hessian = np.array(reply.hessian).reshape(len(reply.gradient), -1)
    assert not hessian[row].any(), "nothing is said of those who miss it"
    assert not hessian[:, row].any()
    assert reply.gradient[row] == 0
    assert hessian[-1, -1] > 0, "the control: of all patients together it is"
