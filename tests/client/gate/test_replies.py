"""The gate: what is on no list does not leave, whatever the participant answers."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.gate import release
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.statistics import Moments
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    FinishReply,
    LogisticReply,
    PersonalReply,
    StatisticsReply,
    TrainReply,
)
from fedchemo.shared.wire.records import read_reply
from tests.networked import Events

TRAINED = TrainReply(examples=20, steps=3, loss=0.5, seconds=1.0, validation=None)
UPDATE = np.arange(4, dtype=np.float32)
RECEIVED = np.zeros(4, dtype=np.float32)


def scores(positives, negatives):
    labels = np.array([1] * positives + [0] * negatives)
    return ScoreSums.from_scores(np.full(len(labels), 0.4), labels)


def let_out(reply, weights=None, **options):
    options.setdefault("policy", Policy())
    if weights is not None:
        options.setdefault("received", RECEIVED)
    return read_reply(release(reply, weights, **options), type(reply))


def test_an_update_leaves_as_it_is():
    reply, weights = let_out(TRAINED, UPDATE)
    assert reply == TRAINED
    assert weights.tobytes() == UPDATE.tobytes()


@pytest.mark.parametrize(
    ("reply", "weights"),
    [
        (TRAINED, None),
        (TRAINED, UPDATE.astype(np.float64)),
        (TRAINED, UPDATE.reshape(2, 2)),
        (TRAINED, np.array([1, np.nan, 0, 0], np.float32)),
        (TRAINED, np.array([1, np.inf, 0, 0], np.float32)),
        (TRAINED, np.zeros(5, np.float32)),
        (FinishReply(), UPDATE),
        (EvaluateReply(scores=None), UPDATE),
        (PersonalReply(scores=None), UPDATE),
        (RunConfiguration(), None),
        (TRAINED.model_copy(update={"loss": float("nan")}), UPDATE),
        (TRAINED.model_copy(update={"loss": "patient 7"}), UPDATE),
        (LogisticReply.model_construct(count=20, loss=1.0, gradient=(float("inf"),), hessian=(1.0,)), None),
    ],
)
def test_anything_else_is_refused(reply, weights):
    with pytest.raises(FedchemoError, match="FC902"):
        release(reply, weights, received=RECEIVED, policy=Policy())


def test_an_update_leaves_only_beside_the_weights_that_it_came_from():
    with pytest.raises(FedchemoError, match="FC902"):
        release(TRAINED, UPDATE, policy=Policy())


def test_a_subclass_of_an_allowed_reply_is_not_allowed():
    class Stuffed(FinishReply):
        patients: list[str] = ["a"]

    with pytest.raises(FedchemoError, match="FC902"):
        release(Stuffed(), policy=Policy())


def test_a_long_update_is_cut_and_the_hospital_is_told():
    told = Events()
    _, weights = let_out(TRAINED, UPDATE, policy=Policy(largest_update_norm=1.0), note=told)
    assert np.linalg.norm(weights) == pytest.approx(1.0)
    (clip,) = told.of("clipped")
    assert (clip["norm"], clip["largest"]) == (pytest.approx(np.linalg.norm(UPDATE)), 1.0)


@pytest.mark.parametrize(
    "reply",
    [TRAINED.model_copy(update={"examples": 19}), LogisticReply(count=19, loss=1, gradient=(), hessian=())],
)
def test_too_few_training_patients_are_refused_here_too(reply):
    with pytest.raises(FedchemoError, match="FC901"):
        release(reply, UPDATE if isinstance(reply, TrainReply) else None, received=RECEIVED, policy=Policy())


def test_counts_below_the_minimum_are_taken_out_of_the_statistics():
    told = Events()
    sent = StatisticsReply(
        role="train",
        training=20,
        validation=4,
        test=0,
        images=5,
        moments=(Moments(count=20, total=1, squares=1), Moments(count=4, total=4, squares=4), None),
    )
    reply, _ = let_out(sent, note=told)
    assert (reply.training, reply.validation, reply.test, reply.images) == (20, None, None, 5)
    assert reply.moments == (sent.moments[0], None, None)
    assert told.of("suppressed")
    assert b"4" not in release(sent, policy=Policy(patients_behind_a_statistic=21))["reply"]["reply"].encode()


def test_sums_leave_only_where_the_site_trains():
    sent = StatisticsReply(
        role="evaluate",
        training=10,
        validation=None,
        test=None,
        images=None,
        moments=(Moments(count=10, total=1, squares=1),),
    )
    assert let_out(sent)[0].moments is None


@pytest.mark.parametrize(("positives", "negatives"), [(4, 50), (50, 4), (0, 50)])
def test_scores_of_too_few_of_a_class_are_taken_out(positives, negatives):
    few, enough = scores(positives, negatives), scores(5, 5)
    assert let_out(EvaluateReply(scores=few))[0].scores is None
    assert let_out(TRAINED.model_copy(update={"validation": few}), UPDATE)[0].validation is None
    assert let_out(EvaluateReply(scores=enough))[0].scores == enough


@pytest.mark.parametrize(
    ("metrics", "loss", "validation", "test"),
    [
        ("all", True, True, True),
        ("none", False, False, False),
        (("training_loss",), True, False, False),
        (("validation",), False, True, False),
        (("test",), False, False, True),
    ],
)
def test_metrics_leave_as_the_policy_names_them(metrics, loss, validation, test):
    policy, enough = Policy(metrics=metrics), scores(6, 6)
    trained, _ = let_out(TRAINED.model_copy(update={"validation": enough}), UPDATE, policy=policy)
    assert (trained.loss is not None, trained.validation is not None) == (loss, validation)
    assert trained.examples == 20, "the count leaves with the weights"
    for metric, allowed in (("validation", validation), ("test", test)):
        reply, _ = let_out(EvaluateReply(scores=enough), policy=policy, metric=metric)
        assert (reply.scores is not None) == allowed


def test_of_a_hospitals_own_model_scores_leave_and_no_array():
    said, weights = let_out(PersonalReply(scores=scores(6, 7)))
    assert said == PersonalReply(scores=scores(6, 7))
    assert weights is None
    with pytest.raises(FedchemoError, match="FC902"):
        let_out(PersonalReply(scores=scores(6, 7)), UPDATE)
    for policy in (Policy(metrics="none"), Policy(metrics=("validation",))):
        assert let_out(PersonalReply(scores=scores(6, 7)), policy=policy)[0].scores is None
    assert let_out(PersonalReply(scores=scores(4, 20)))[0].scores is None, "too few of a class"
