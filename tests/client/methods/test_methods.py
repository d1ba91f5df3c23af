"""Each method at a real site, against its paper's formulas written again here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from fedchemo.client.cohort import read_site
from fedchemo.client.inference import predict_patients
from fedchemo.client.methods import personal
from fedchemo.client.methods.scaffold import halves
from fedchemo.client.methods.trainer import AFTER_THE_RUN
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.training.order import derived_order
from fedchemo.client.training.vectors import norms
from fedchemo.shared.clinical.encoding import encode, names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration, SiteMethod, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.artefact import load
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.wire.messages import EvaluateRequest, PersonalRequest, TrainRequest
from tests.sites import SMALL, write_site

RATE, BATCH, PULL, ALPHA = 0.1, 20, 0.7, 0.3
SGD = {"optimizer": "sgd", "weight_decay": 0, "learning_rate": RATE, "batch_size": BATCH, "clip_norm": 0}
CLINICAL = parse(SiteConfiguration, {"imaging": {"enabled": False}, "training": SGD}, source="test")
IMAGES = parse(SiteConfiguration, SMALL, source="test")
# It lets every score out, as it is looked at here.
POLICY = Policy(patients_of_each_class_behind_a_metric=1, largest_forgetting="none")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    torch.set_num_threads(1)
    return read_site(write_site(tmp_path_factory.mktemp("sites"), "a", patients=100, images=40))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


class Site:
    """A hospital that is started anew for each request: only its state folder remembers."""

    def __init__(self, cohort, cache, methods, configuration, **method):
        self.cohort, self.cache, self.methods, self.configuration = cohort, cache, methods, configuration
        self.method = SiteMethod(**method)
        known = variables(configuration.clinical)
        features = names(configuration.clinical)
        self.model = build(configuration.model, configuration.imaging, len(features))
        initialise(self.model, 0)
        usual = {"age_years": (50.0, 10.0), "log_tumour_volume": (2.7, 0.9)}
        means, deviations = zip(*(usual.get(name, (0.5, 0.5)) for name in known), strict=True)
        self.statistics = ClinicalStatistics(
            names=known, means=means, deviations=deviations, counts=(99,) * len(known)
        )
        self.printed = fingerprint(configuration, manifest(self.model), features)

    def request(self, kind, number, **fields):
        return kind(
            run="r", round=number, fingerprint=self.printed, configuration=self.configuration,
            method=self.method, statistics=self.statistics, **fields,
        )  # fmt: skip

    @property
    def participant(self):
        return Participant(self.cohort, self.cache, policy=POLICY, methods=self.methods)

    def train(self, number, received):
        return self.participant.train(self.request(TrainRequest, number), received)

    def table(self):
        frame = self.cohort.clinical.loc[self.cohort.patients("train")]
        features = encode(frame, self.configuration.clinical, self.statistics).astype(np.float64)
        return np.column_stack((np.ones(len(frame)), features)), frame["pcr"].to_numpy(float)

    def descend(self, start, number, *, pull=0.0, towards=None, correction=0.0, epochs=1):
        """Plain SGD by hand in float64 on the clinical model, bias first as it is packed."""
        table, labels = self.table()
        order = derived_order(len(labels), BATCH, seed=0, site="a", round_number=number)
        weights, origin = start.astype(np.float64), start if towards is None else towards
        for _ in range(epochs * -(-len(labels) // BATCH)):
            rows = next(order)
            gradient = table[rows].T @ (expit(table[rows] @ weights) - labels[rows]) / len(rows)
            weights = weights - RATE * (gradient + pull * (weights - origin) + correction)
        return weights


def received(site, number):
    """Return a global model that changes from round to round as if other sites took part."""
    return pack(site.model) + np.float32(0.1 * number) * np.cos(np.arange(len(pack(site.model)))).astype(
        np.float32
    )


def test_ditto_sends_fedavgs_update_to_the_bit_and_keeps_a_model_pulled_towards_the_global_one(
    cohort, cache, tmp_path
):
    site = Site(cohort, cache, tmp_path, CLINICAL, name="ditto", pull=PULL)
    plain = Site(cohort, cache, None, CLINICAL)
    own = received(site, 1).astype(np.float64)
    for number in (1, 2, 3):
        globally = received(site, number)
        for _ in range(2):  # asked again, it has the same answer and remembers the same
            reply, update = site.train(number, globally)
        expected, sent = plain.train(number, globally)
        assert update.tobytes() == sent.tobytes()
        assert reply.model_copy(update={"seconds": 0}) == expected.model_copy(update={"seconds": 0})
        own = site.descend(own, number, pull=PULL, towards=globally)
    request = site.request(PersonalRequest, 3)
    said = site.participant.personal(request, received(site, 4))
    kept = site.participant.own_model(request)
    np.testing.assert_allclose(kept, own, atol=1e-5)
    assert np.abs(own - site.descend(received(site, 3), 3)).max() > 1e-2
    assert said.scores.n == len(cohort.patients("test"))


def test_of_an_earlier_round_the_model_of_that_round_is_kept(cohort, cache, tmp_path):
    site = Site(cohort, cache, tmp_path, CLINICAL, name="ditto", pull=PULL)
    own = received(site, 1).astype(np.float64)
    for number in (1, 2):
        site.train(number, received(site, number))
        if number == 1:
            own = site.descend(own, 1, pull=PULL, towards=received(site, 1))
    request = site.request(PersonalRequest, 1)
    site.participant.personal(request, received(site, 4))
    np.testing.assert_allclose(site.participant.own_model(request), own, atol=1e-5)


def test_fine_tuning_trains_the_result_on_and_shows_both(cohort, cache, tmp_path):
    site = Site(cohort, cache, tmp_path, CLINICAL, fine_tuning_epochs=4)
    told = []
    participant = site.participant
    participant.notice = lambda event, details: told.append((event, details))
    request = site.request(PersonalRequest, 2)
    weights = received(site, 2)
    said = participant.personal(request, weights)
    expected = site.descend(weights, 2 + AFTER_THE_RUN, epochs=4)
    np.testing.assert_allclose(participant.own_model(request), expected, atol=1e-5)
    # Its file is what `fedchemo predict` takes, and its scores are those of its predictions.
    [details] = [details for event, details in told if event == "personal"]
    model = load(tmp_path / "personal" / details["path"].rpartition("/")[2])
    found = predict_patients(
        model, cohort, cohort.patients("test"), cache=cache, device=torch.device("cpu")
    ).probabilities
    outcomes = cohort.clinical.loc[cohort.patients("test"), "pcr"].to_numpy()
    loss = -np.mean(np.log(np.where(outcomes == 1, found, 1 - found)))
    assert said.scores.log_loss().value == pytest.approx(loss, rel=1e-5)
    assert f"log-loss {loss:.3f}" in details["after"]
    before = participant.evaluate(site.request(EvaluateRequest, 2, split="test"), weights).scores
    assert f"log-loss {before.log_loss().value:.3f}" in details["before"] != details["after"]


def test_fedbn_sends_no_norm_layer_and_goes_on_with_its_own(cohort, cache, tmp_path):
    site = Site(cohort, cache, tmp_path, IMAGES, name="fedbn")
    plain = Site(cohort, cache, None, IMAGES)
    own = norms(site.model)
    assert 0 < own.sum() < len(own)
    # The gate a little open: a closed one teaches the image branch by its proposal alone.
    first, second = (pack(site.model) + np.float32(step) for step in (0.01, 0.02))
    _, update = site.train(1, first)
    _, whole = plain.train(1, first)
    np.testing.assert_array_equal(update[own], first[own])
    np.testing.assert_array_equal(update[~own], whole[~own])
    assert (whole[own] != first[own]).any()
    # The next round begins from the norm layers of the first one in the model received.
    mixed = np.where(own, whole, second)
    reply, update = site.train(2, second)
    expected, whole = plain.train(2, mixed)
    np.testing.assert_array_equal(update, np.where(own, second, whole))
    assert reply.validation == expected.validation
    # On validation patients it judges with its own, of the round that is asked for; on test patients as received.
    judge = plain.participant
    for number, kept in ((0, second), (1, mixed), (2, np.where(own, whole, second))):
        said = site.participant.evaluate(
            site.request(EvaluateRequest, number, split="validation"), second
        ).scores
        asked = plain.request(EvaluateRequest, number, split="validation")
        assert said == judge.evaluate(asked, kept).scores
    test = site.participant.evaluate(site.request(EvaluateRequest, 2, split="test"), second).scores
    assert test == judge.evaluate(plain.request(EvaluateRequest, 2, split="test"), second).scores
    # What the run leaves: the result with this site's own.
    request = site.request(PersonalRequest, 2)
    site.participant.personal(request, second)
    np.testing.assert_array_equal(site.participant.own_model(request), np.where(own, whole, second))


def test_scaffold_and_feddyn_add_what_they_remember_to_each_gradient(cohort, cache, tmp_path):
    """The formulas over a whole federation are tried in `tests/simulations/paper`."""
    site = Site(cohort, cache, tmp_path, CLINICAL, name="scaffold")
    steps = -(-len(cohort.patients("train")) // BATCH)
    control, own = np.linspace(-1, 1, len(pack(site.model))), 0.0
    for number in (1, 2):
        x = received(site, number)
        _, update = site.train(number, np.concatenate((x, control.astype(np.float32))))
        y = site.descend(x, number, correction=control - own)
        path = (x - y) / (steps * RATE)
        for found, expected in zip(halves(update), (y, path), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)
        own = own - control + path
    site = Site(cohort, cache, tmp_path, CLINICAL, name="feddyn", alpha=ALPHA)
    gradient = np.zeros(len(x))
    for number in (1, 2, 3):
        x = received(site, number)
        _, update = site.train(number, x)
        y = site.descend(x, number, pull=ALPHA, correction=-gradient)
        np.testing.assert_allclose(update, y, atol=1e-5)
        gradient = gradient - ALPHA * (y - x)


@pytest.mark.parametrize("name", ["scaffold", "feddyn", "fedbn", "ditto"])
def test_a_site_that_can_remember_nothing_refuses_a_method_that_must(cohort, cache, name):
    site = Site(cohort, cache, None, CLINICAL, name=name)
    weights = pack(site.model)
    with pytest.raises(FedchemoError, match="remembers nothing") as caught:
        site.train(1, np.tile(weights, 2) if name == "scaffold" else weights)
    assert caught.value.code == "FC304"


@pytest.mark.parametrize("name", ["scaffold", "feddyn"])
@pytest.mark.parametrize("training", [{}, {"optimizer": "sgd"}, {**SGD, "momentum": 0.9}])
def test_an_optimiser_whose_path_is_no_sum_of_gradients_is_refused(cohort, cache, tmp_path, name, training):
    settings = parse(
        SiteConfiguration,
        {"imaging": {"enabled": False}, "training": {"batch_size": BATCH, **training}},
        source="test",
    )
    site = Site(cohort, cache, tmp_path, settings, name=name)
    weights = pack(site.model)
    with pytest.raises(FedchemoError) as caught:
        site.train(1, np.tile(weights, 2) if name == "scaffold" else weights)
    assert caught.value.code == "FC304"


def test_two_vectors_in_one_are_taken_apart_and_anything_else_is_refused():
    weights, control = halves(np.arange(6, dtype=np.float32))
    assert (weights.tolist(), control.tolist()) == ([0, 1, 2], [3, 4, 5])
    for wrong in (np.zeros(3, np.float32), np.zeros(0, np.float32), np.array([0, np.nan], np.float32)):
        with pytest.raises(FedchemoError) as caught:
            halves(wrong)
        assert caught.value.code == "FC305"


def test_a_run_that_leaves_no_model_of_ones_own_cannot_ask_for_one(cohort, cache, tmp_path):
    site = Site(cohort, cache, tmp_path, CLINICAL)
    with pytest.raises(FedchemoError, match="FC304"):
        site.participant.personal(site.request(PersonalRequest, 1), pack(site.model))


def test_too_many_models_are_refused_and_none_is_pushed_out(cohort, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(personal, "MOST", 1)
    site = Site(cohort, cache, tmp_path, CLINICAL, fine_tuning_epochs=1)
    weights = pack(site.model)
    for _ in range(2):  # the same run may ask again
        site.participant.personal(site.request(PersonalRequest, 1), weights)
    another = site.request(PersonalRequest, 1).model_copy(update={"run": "a/../../another"})
    with pytest.raises(FedchemoError, match="FC650"):
        site.participant.personal(another, weights)
    [path] = (tmp_path / "personal").iterdir()
    assert path.name.startswith("r-")
