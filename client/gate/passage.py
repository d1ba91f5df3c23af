"""Each object that leaves is written to the ledger first: who asked, what it is in words, and its SHA-256."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydantic_core
from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict

from fedchemo.client.ledger import Ledger
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.configuration import LABEL_PATTERN, Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.wire.messages import (
    MESSAGE_TYPES,
    EvaluateReply,
    FinishReply,
    LogisticReply,
    PersonalReply,
    StatisticsReply,
    TrainReply,
)
from fedchemo.shared.wire.records import LARGEST_MESSAGE, read_reply, record_of

REPLIES: dict[str, type[Settings]] = {
    MESSAGE_TYPES["statistics"]: StatisticsReply,
    MESSAGE_TYPES["logistic"]: LogisticReply,
    MESSAGE_TYPES["train"]: TrainReply,
    MESSAGE_TYPES["evaluate"]: EvaluateReply,
    MESSAGE_TYPES["personal"]: PersonalReply,
    MESSAGE_TYPES["finish"]: FinishReply,
}
"""By Flower's type of a message, what answers it."""
_LABEL = re.compile(LABEL_PATTERN)


@dataclass(frozen=True)
class Account:
    """What a reply is, for the ledger."""

    run: str
    round: int | None
    words: str


@dataclass(frozen=True)
class Part:
    """One object of a reply: Flower's name of its class, how many bytes leave, and their SHA-256."""

    kind: str
    size: int
    sha256: str


class Gate:
    """Looks at a whole reply before it is serialised, and writes down each of its objects before it leaves.

    Args:
        ledger: where passages are written.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def examine(self, asked: Message, reply: Message) -> Account:
        """Return the account of a reply.

        Args:
            asked: the request.
            reply: what would be serialised and sent.

        Raises:
            FedchemoError: FC902 if the reply is not one of the typed replies, or an error with more than a code.
        """
        run, number = run_of(asked.content if asked.has_content() else RecordDict())
        if reply.has_error():
            code = str(reply.error.reason)
            if code not in CATALOGUE:
                raise FedchemoError("FC902", "an error leaves as a code of the catalogue and nothing else")
            return Account(run, number, f"instead of an answer the number {code} ({CATALOGUE[code].title})")
        kind = REPLIES.get(reply.metadata.message_type)
        if kind is None:
            raise FedchemoError("FC902", "a reply to a request of no known kind")
        try:
            said, weights = read_reply(reply.content, kind)
        except FedchemoError as error:
            raise FedchemoError("FC902", f"a reply is not what its kind says: {error.what}") from error
        metrics = record_of(reply.content, "metrics", MetricRecord)
        if (metrics is not None) != isinstance(said, TrainReply) or (
            isinstance(said, TrainReply) and dict(metrics or {}) != {"num-examples": said.examples}
        ):
            raise FedchemoError("FC902", "a reply carries numbers beside its schema")
        if (weights is not None) != isinstance(said, TrainReply):
            raise FedchemoError("FC902", "an array leaves with a training reply and only so")
        size = "" if weights is None else f" with an update of {weights.size} weights"
        return Account(run, number, _in_words(said) + size)

    def check_ledger(self) -> None:
        """Refuse to let anything out, if only a sign of life, once the ledger could not be written.

        Raises:
            FedchemoError: FC940.
        """
        if self._ledger.broken:
            raise FedchemoError("FC940", "the ledger could not be written")

    def pass_out(self, account: Account, parts: Sequence[Part]) -> None:
        """Write each object down; only when this has returned may it leave.

        Raises:
            FedchemoError: FC902 for an object of a kind that no reply has, FC940 if the ledger cannot be written.
        """
        chunks = sum(part.kind == "ArrayChunk" for part in parts)
        entries: list[dict[str, Any]] = []
        chunk = 0
        for part in parts:
            chunk += part.kind == "ArrayChunk"
            if part.kind not in _PARTS:
                raise FedchemoError("FC902", f"an object of the kind {part.kind:.40} is on no allow-list")
            words = _PARTS[part.kind].format(what=account.words, chunk=chunk, chunks=chunks)
            entries.append(
                {
                    "event": "sent",
                    "run": account.run,
                    "round": account.round,
                    "kind": part.kind,
                    "size": part.size,
                    "sha256": part.sha256,
                    "words": words[:1000],
                }
            )
        if entries:
            self._ledger.extend(entries)


# Flower's classes of objects, of which a reply consists.
_PARTS = {
    "Message": "envelope (ids, times, kind): {what}",
    "RecordDict": "list of contents: {what}",
    "ConfigRecord": "the answer itself: {what}",
    "MetricRecord": "number of patients by which the update is weighed: {what}",
    "ArrayRecord": "name of the array: {what}",
    "Array": "type and length of the array: {what}",
    "ArrayChunk": "piece {chunk} of {chunks} of the weights: {what}",
}


def _in_words(reply: Settings) -> str:
    """Return what a reply tells, for somebody who has to answer for it."""
    match reply:
        case StatisticsReply():
            counts = ", ".join(
                f"{name} {_count(getattr(reply, name))}"
                for name in ("training", "validation", "test", "images")
            )
            variables = sum(one is not None for one in reply.moments or ())
            return f"role {reply.role}; counts of patients: {counts}; sums of {variables} clinical variables"
        case LogisticReply():
            return f"sums over {reply.count} training patients for one step of the clinical model"
        case TrainReply():
            loss = "the training loss" if reply.loss is not None else "no training loss"
            return f"result of training on {reply.examples} patients: {loss}; validation {_scores(reply.validation)};"
        case EvaluateReply():
            return f"evaluation of the model: {_scores(reply.scores)}"
        case PersonalReply():
            return f"evaluation of this hospital's own model, which stays here: {_scores(reply.scores)}"
        case _:
            return "an acknowledgement"


def _scores(scores: ScoreSums | None) -> str:
    return "no scores" if scores is None else f"scores and histogram over {scores.n} patients"


def _count(count: int | None) -> str:
    return "too few" if count is None else str(count)


def run_of(content: RecordDict) -> tuple[str, int | None]:
    """Return the run and the round that a request names, as far as it can be read: it may be refused for that."""
    record = record_of(content, "config", ConfigRecord)
    text = record.get("request") if record is not None else None
    if not isinstance(text, str) or len(text) > LARGEST_MESSAGE:
        return "", None
    try:
        fields = pydantic_core.from_json(text)
    except ValueError:
        return "", None
    run, number = (fields.get("run"), fields.get("round")) if isinstance(fields, dict) else (None, None)
    named = isinstance(run, str) and _LABEL.fullmatch(run)
    counted = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 10**9
    return str(run) if named else "", number if counted else None
