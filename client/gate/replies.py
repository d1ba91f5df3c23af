"""The one place where an answer becomes the content of a message: typed, and once more held against the policy.

The participant suppresses what too few patients stand behind; the gate does so again and does not trust it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flwr.app import RecordDict
from pydantic import ValidationError

from fedchemo.client.gate.update import clipped
from fedchemo.client.policy import Metric, Policy
from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    FinishReply,
    LogisticReply,
    PersonalReply,
    Request,
    StatisticsReply,
    TrainReply,
)
from fedchemo.shared.wire.records import Weights, reply_content

ALLOWED: tuple[type[Settings], ...] = (
    StatisticsReply,
    LogisticReply,
    TrainReply,
    EvaluateReply,
    PersonalReply,
    FinishReply,
)
Note = Callable[[str, Mapping[str, object]], None]
"""Told ``suppressed`` and ``clipped``, for the hospital's own screen and ledger."""


def release(
    reply: Settings,
    weights: Weights | None = None,
    *,
    received: Weights | None = None,
    metric: Metric = "validation",
    policy: Policy,
    note: Note = lambda _event, _details: None,
    request: Request | None = None,
) -> RecordDict:
    """Return the content of the message that leaves.

    Args:
        reply: the participant's answer.
        weights: its update, float32 (parameters,), with a `TrainReply` only.
        received: the weights that it was trained from.
        metric: what the scores in an `EvaluateReply` are of.
        policy: what may leave.
        note: told what the gate had to change.
        request: what is answered, for the notes.

    Raises:
        FedchemoError: FC902 if the reply is of no allowed type or holds what its type does not name or a value
            that is not finite; FC901 if too few patients stand behind it.
    """
    checked = _checked(reply)
    about: dict[str, object] = {"run": request.run, "round": request.round} if request else {}
    allowed = _suppressed(checked, policy, metric)
    if allowed != checked:
        note("suppressed", {**about, "what": f"the gate withheld a part of a {type(reply).__name__}"})
    if not isinstance(allowed, TrainReply):
        if weights is not None:
            raise FedchemoError("FC902", "an array leaves with a training reply only")
        return reply_content(allowed)
    if weights is None or received is None:
        raise FedchemoError("FC902", "a training reply leaves with an update and only so")
    leaving, norm = clipped(weights, received, largest=policy.update_norm)
    if leaving is not weights:
        note("clipped", {**about, "norm": norm, "largest": policy.update_norm})
    return reply_content(allowed, leaving, examples=allowed.examples)


def _checked(reply: Settings) -> Settings:
    """Return the reply, validated anew: an object can be made, or changed, around its schema."""
    kind = type(reply)
    if kind not in ALLOWED:
        raise FedchemoError("FC902", f"a {kind.__name__} is on no allow-list")
    try:
        return kind.model_validate(reply.model_dump(warnings="error"))
    except (ValidationError, ValueError) as error:
        raise FedchemoError(
            "FC902", f"a {kind.__name__} is not as its schema says ({type(error).__name__})"
        ) from None


def _suppressed(reply: Settings, policy: Policy, metric: Metric) -> Settings:
    """Return the reply without what the policy keeps in.

    Raises:
        FedchemoError: FC901 if nothing of it may leave.
    """
    match reply:
        case StatisticsReply():
            return _statistics(reply, policy)
        case LogisticReply():
            _require_patients(reply.count, policy)
        case TrainReply():
            _require_patients(reply.examples, policy)
            loss = reply.loss if policy.may_leave("training_loss") else None
            kept = _scores(reply.validation, "validation", policy)
            return reply.model_copy(update={"loss": loss, "validation": kept})
        case EvaluateReply():
            return reply.model_copy(update={"scores": _scores(reply.scores, metric, policy)})
        case PersonalReply():
            return reply.model_copy(update={"scores": _scores(reply.scores, "test", policy)})
        case _:
            pass
    return reply


def _require_patients(count: int, policy: Policy) -> None:
    if count < policy.training_patients:
        raise FedchemoError(
            "FC901", f"{count} patients; the policy says training_patients = {policy.training_patients}"
        )


def _statistics(reply: StatisticsReply, policy: Policy) -> StatisticsReply:
    least = policy.patients_behind_a_statistic

    def enough(count: int | None) -> int | None:
        return count if count is not None and count >= least else None

    update: dict[str, Any] = {
        name: enough(getattr(reply, name)) for name in ("training", "validation", "test", "images")
    }
    if reply.moments is not None:
        sent = reply.moments if reply.role == "train" else ()
        update["moments"] = tuple(one if one and one.count >= least else None for one in sent) or None
    return reply.model_copy(update=update)


def _scores(scores: ScoreSums | None, metric: Metric, policy: Policy) -> ScoreSums | None:
    if scores is None or not policy.may_leave(metric):
        return None
    return scores.suppressed(policy.patients_of_each_class_behind_a_metric)
