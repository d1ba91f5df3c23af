"""A site's answers: pure, within its policy, and only to a run that it would build alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fedchemo.client.app import client_app
from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import pool
from fedchemo.shared.configuration import SiteConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    LogisticRequest,
    StatisticsRequest,
    TrainRequest,
)
from fedchemo.shared.wire.records import arrays, config
from tests.sites import SMALL, write_site

CONFIGURATION = parse(SiteConfiguration, SMALL, source="test")
FEATURES = names(CONFIGURATION.clinical)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("sites"), "a", patients=60, images=30)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def model():
    made = build(CONFIGURATION.model, CONFIGURATION.imaging, len(FEATURES))
    initialise(made, 0)
    return made


@pytest.fixture
def asked(model, folder, cache):
    """Requests of a run, by kind."""
    terms = {
        "run": "r",
        "round": 1,
        "fingerprint": fingerprint(CONFIGURATION, manifest(model), FEATURES),
        "configuration": CONFIGURATION,
    }
    moments = Participant(read_site(folder), cache).statistics(StatisticsRequest(**terms)).moments
    statistics = pool(variables(CONFIGURATION.clinical), [moments])

    def request(kind, **fields):
        known = {} if kind is StatisticsRequest else {"statistics": statistics}
        return kind(**{**terms, **known, **fields})

    return request


def participant(folder, cache, **options):
    return Participant(read_site(folder), cache, **options)


def test_a_retried_request_gets_the_same_bits_from_a_restarted_client(folder, cache, model, asked):
    request, weights = asked(TrainRequest), pack(model)
    first, update = participant(folder, cache).train(request, weights)
    again, other = participant(folder, cache).train(request, weights)
    assert update.tobytes() == other.tobytes() != weights.tobytes()
    assert first.model_copy(update={"seconds": 0}) == again.model_copy(update={"seconds": 0})


def test_it_does_not_matter_what_was_asked_before(folder, cache, model, asked):
    weights = pack(model)
    fresh = participant(folder, cache)
    _, expected = fresh.train(asked(TrainRequest, round=2), weights)
    used = participant(folder, cache)
    used.evaluate(asked(EvaluateRequest, split="test"), weights)
    used.train(asked(TrainRequest), weights)
    np.random.seed(3)  # noqa: NPY002 - that is the point
    torch.manual_seed(3)
    _, update = used.train(asked(TrainRequest, round=2), weights)
    assert update.tobytes() == expected.tobytes()


def test_another_round_or_site_draws_differently(folder, cache, model, asked, tmp_path):
    weights = pack(model)
    _, first = participant(folder, cache).train(asked(TrainRequest), weights)
    _, second = participant(folder, cache).train(asked(TrainRequest, round=2), weights)
    assert first.tobytes() != second.tobytes()


def test_the_received_model_is_scored_before_training(folder, cache, model, asked):
    weights = pack(model)
    site = participant(folder, cache, policy=Policy(patients_of_each_class_behind_a_metric=1))
    reply, _ = site.train(asked(TrainRequest), weights)
    scored = site.evaluate(asked(EvaluateRequest, split="validation"), weights)
    assert reply.validation == scored.scores is not None


def test_too_few_patients_of_a_class_mean_no_metric(folder, cache, model, asked):
    site = participant(folder, cache, policy=Policy(patients_of_each_class_behind_a_metric=30))
    assert site.evaluate(asked(EvaluateRequest, split="validation"), pack(model)).scores is None


def test_too_few_training_patients_mean_no_update_and_no_sums(folder, cache, model, asked):
    site = participant(folder, cache, policy=Policy(training_patients=1000))
    told = site.statistics(asked(StatisticsRequest))
    assert (told.role, told.moments) == ("evaluate", None)
    with pytest.raises(FedchemoError, match="FC901"):
        site.train(asked(TrainRequest), pack(model))
    with pytest.raises(FedchemoError, match="FC901"):
        site.logistic(asked(LogisticRequest, coefficients=(0.0,) * (len(FEATURES) + 1)))


def test_counts_below_the_minimum_are_withheld(folder, cache, asked):
    told = participant(folder, cache, policy=Policy(patients_behind_a_statistic=10)).statistics(
        asked(StatisticsRequest)
    )
    assert told.training is not None
    assert told.validation is None
    assert told.test is None


@pytest.mark.parametrize("kind", [StatisticsRequest, TrainRequest, EvaluateRequest])
def test_another_fingerprint_is_refused_before_any_data_is_touched(
    folder, cache, model, asked, kind, monkeypatch
):
    site = participant(folder, cache)
    monkeypatch.setattr(type(site.cohort), "patients", lambda *_, **__: pytest.fail("data was touched"))
    fields = {"split": "test"} if kind is EvaluateRequest else {}
    request = asked(kind, **fields).model_copy(update={"fingerprint": "f" * 64})
    method = {StatisticsRequest: site.statistics, TrainRequest: site.train, EvaluateRequest: site.evaluate}[
        kind
    ]
    weights = () if kind is StatisticsRequest else (pack(model),)
    with pytest.raises(FedchemoError, match="FC302"):
        method(request, *weights)


def test_weights_of_another_length_are_refused(folder, cache, model, asked):
    with pytest.raises(FedchemoError, match="FC305"):
        participant(folder, cache).train(asked(TrainRequest), pack(model)[:-1])


class Untouchable:
    """Patients whom nobody may look at: any access fails the test. Only the site's name may be known."""

    site = "a"

    def __getattr__(self, name):
        pytest.fail(f"the cohort was touched: {name}")


def crafted(**fields):
    """A change of the configuration that another model, shape or encoding hides behind."""
    return lambda request: request.model_copy(
        update={"configuration": CONFIGURATION.model_copy(update=fields)}
    )


def with_statistics(**fields):
    return lambda request: request.model_copy(
        update={"statistics": request.statistics.model_copy(update=fields)}
    )


def with_fields(**fields):
    return lambda request: request.model_copy(update=fields)


OTHER_LAYER = CONFIGURATION.model.model_copy(update={"blocks": (2, 1, 1, 1)})
OTHER_SHAPE = CONFIGURATION.model.model_copy(update={"widths": (4, 4, 8, 16)})
HUGE = CONFIGURATION.model.model_copy(update={"widths": (512, 512, 512, 512), "blocks": (8, 8, 8, 8)})
OTHER_TENSOR = CONFIGURATION.imaging.model_copy(update={"spacing_mm": 2.0})
ARMS = CONFIGURATION.clinical.model_copy(update={"arms": ("Paclitaxel",)})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (with_fields(fingerprint="f" * 64), "FC302"),
        (crafted(model=OTHER_LAYER), "FC302"),
        (crafted(model=OTHER_SHAPE), "FC302"),
        (crafted(imaging=OTHER_TENSOR), "FC302"),
        (crafted(model=HUGE), "FC912"),
        (crafted(clinical=ARMS), "FC907"),
    ],
)
@pytest.mark.parametrize("kind", [TrainRequest, EvaluateRequest, LogisticRequest, StatisticsRequest])
def test_a_crafted_request_is_refused_before_any_patient_is_touched(cache, model, asked, kind, change, code):
    fields = {
        EvaluateRequest: {"split": "test"},
        LogisticRequest: {"coefficients": (0.0,) * (len(FEATURES) + 1)},
    }
    request = change(asked(kind, **fields.get(kind, {})))
    with pytest.raises(FedchemoError, match=code):
        ask(Participant(Untouchable(), cache), request, pack(model))


def test_statistics_of_other_variables_are_refused_before_any_patient_is_touched(cache, model, asked):
    change = with_statistics(names=("race",) * 6)
    for request in (asked(TrainRequest), asked(EvaluateRequest, split="test")):
        with pytest.raises(FedchemoError, match="FC302"):
            ask(Participant(Untouchable(), cache), change(request), pack(model))


def ask(site, request, weights):
    match request:
        case TrainRequest():
            return site.train(request, weights)
        case EvaluateRequest():
            return site.evaluate(request, weights)
        case LogisticRequest():
            return site.logistic(request)
    return site.statistics(request)


def spoiled(weights, value):
    changed = weights.copy()
    changed[len(changed) // 2] = value
    return changed


@pytest.mark.parametrize(
    "spoil",
    [
        lambda weights: weights[:-1],
        lambda weights: np.append(weights, np.float32(0)),
        lambda weights: weights.astype(np.float64),
        lambda weights: spoiled(weights, np.nan),
        lambda weights: spoiled(weights, np.inf),
    ],
)
@pytest.mark.parametrize("kind", [TrainRequest, EvaluateRequest])
def test_crafted_weights_are_refused_before_any_patient_is_touched(cache, model, asked, kind, spoil):
    request = asked(kind, **({"split": "test"} if kind is EvaluateRequest else {}))
    with pytest.raises(FedchemoError, match="FC305"):
        ask(Participant(Untouchable(), cache), request, spoil(pack(model)))


def test_coefficients_are_refused_before_any_patient_is_touched(cache, asked):
    with pytest.raises(FedchemoError, match="FC304"):
        Participant(Untouchable(), cache).logistic(asked(LogisticRequest, coefficients=(0.0, 0.0)))


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"approvals": "never"}, "FC905"),
        ({"images": False}, "FC906"),
        ({"hours": ()}, "FC908"),
        ({"secure_aggregation_required": True}, "FC909"),
        ({"noise_required": True}, "FC909"),
        ({"largest_model_parameters": 100}, "FC912"),
    ],
)
def test_the_policy_is_asked_before_any_patient_is_touched(cache, model, asked, policy, code):
    site = Participant(Untouchable(), cache, policy=Policy(**policy))
    for request in (asked(StatisticsRequest), asked(TrainRequest), asked(EvaluateRequest, split="test")):
        with pytest.raises(FedchemoError, match=code):
            ask(site, request, pack(model))


def test_a_run_that_nobody_approved_touches_no_patient(cache, model, asked):
    def nobody(request):
        raise FedchemoError("FC904", f"nobody said yes to {request.run}")

    site = Participant(Untouchable(), cache, approve=nobody)
    for request in (asked(StatisticsRequest), asked(TrainRequest), asked(EvaluateRequest, split="test")):
        with pytest.raises(FedchemoError, match="FC904"):
            ask(site, request, pack(model))


def test_nobody_is_asked_about_a_run_that_could_not_go_on_anyway(cache, model, asked):
    site = Participant(Untouchable(), cache, approve=lambda _: pytest.fail("a person was asked"))
    with pytest.raises(FedchemoError, match="FC302"):
        site.train(asked(TrainRequest).model_copy(update={"fingerprint": "f" * 64}), pack(model))


def test_coefficients_of_another_length_are_refused(folder, cache, asked):
    with pytest.raises(FedchemoError, match="FC304"):
        participant(folder, cache).logistic(asked(LogisticRequest, coefficients=(0.0, 0.0)))


def test_the_app_sends_codes_and_never_reasons(folder, cache, model, asked, monkeypatch):
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    heard = []
    site = participant(folder, cache, notice=lambda event, details: heard.append((event, str(details))))
    app = client_app(lambda _: site)
    context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})

    def ask(record, kind="train"):
        content = RecordDict({"config": record, "arrays": arrays(pack(model))})
        message = Message(content, dst_node_id=1, message_type=kind)
        message.metadata.__dict__["_message_id"] = "1"
        return app(message=message, context=context)

    refused = ask(ConfigRecord({"request": "{}"}))
    assert refused.error.reason == "FC303"
    secret = "patient a-007 in /data/private"

    def fail(*_, **__):
        raise RuntimeError(secret)

    monkeypatch.setattr(Participant, "train", fail)
    failed = ask(config(asked(TrainRequest)))
    assert failed.error.reason == "FC990"
    assert "a-007" not in repr(failed)
    # The hospital's own log has the reason.
    assert any(event == "failed" and secret in told for event, told in heard)


def test_ever_new_image_settings_do_not_fill_the_disk(folder, tmp_path, model, asked):
    site = participant(folder, tmp_path, policy=Policy(image_settings=2))

    def prepared(spacing):
        imaging = CONFIGURATION.imaging.model_copy(update={"spacing_mm": spacing})
        configuration = CONFIGURATION.model_copy(update={"imaging": imaging})
        printed = fingerprint(configuration, manifest(model), FEATURES)
        site.statistics(asked(StatisticsRequest, configuration=configuration, fingerprint=printed))
        return {path.name for path in tmp_path.glob("*.npy")}

    first = prepared(1.0)
    second = prepared(2.0) - first
    assert prepared(1.0) == first | second
    third = prepared(3.0) - first - second
    assert len(third) == len(first) == 30
    assert prepared(3.0) == first | third, "the one that was not used for longest went"
