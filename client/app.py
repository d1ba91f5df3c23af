"""The Flower ClientApp of a site: from Flower's messages to the participant and back through the gate."""

from __future__ import annotations

from collections.abc import Callable

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from fedchemo.client.gate import release
from fedchemo.client.participant import Participant
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    FinishReply,
    FinishRequest,
    LogisticRequest,
    StatisticsRequest,
    TrainRequest,
)
from fedchemo.shared.wire.records import Weights, read_request

Find = Callable[[Context], Participant]
"""Which participant a message is for: the hospital's only one, or one of many virtual ones."""

REFUSED = 900
"""Flower error code of a numbered refusal; the reason is the fedchemo code and nothing else."""


def client_app(find: Find) -> ClientApp:
    """Return the app that answers every kind of exchange."""
    app = ClientApp()

    @app.query("statistics")
    def statistics(message: Message, context: Context) -> Message:
        def answer(site: Participant) -> RecordDict:
            request, _, _ = read_request(message.content, StatisticsRequest)
            return release(site.statistics(request), None)

        return _answer(message, context, answer)

    @app.query("logistic")
    def logistic(message: Message, context: Context) -> Message:
        def answer(site: Participant) -> RecordDict:
            request, _, _ = read_request(message.content, LogisticRequest)
            return release(site.logistic(request), None)

        return _answer(message, context, answer)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        def answer(site: Participant) -> RecordDict:
            request, proximal_mu, weights = read_request(message.content, TrainRequest)
            return release(*site.train(request, _required(weights), proximal_mu=proximal_mu))

        return _answer(message, context, answer)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        def answer(site: Participant) -> RecordDict:
            request, _, weights = read_request(message.content, EvaluateRequest)
            return release(site.evaluate(request, _required(weights)), None)

        return _answer(message, context, answer)

    @app.query("finish")
    def finish(message: Message, context: Context) -> Message:
        def answer(site: Participant) -> RecordDict:
            request, _, _ = read_request(message.content, FinishRequest)
            site.notice("run_finished", {"run": request.run, "outcome": request.outcome})
            return release(FinishReply(), None)

        return _answer(message, context, answer)

    def _answer(message: Message, context: Context, answer: Callable[[Participant], RecordDict]) -> Message:
        site = find(context)
        try:
            return Message(answer(site), reply_to=message)
        except FedchemoError as error:
            site.notice("refused", {"code": error.code, "what": error.what})
            code = error.code
        except Exception as error:  # noqa: BLE001 - a site must outlive any request, and its reasons stay inside
            site.notice("failed", {"type": type(error).__name__, "what": str(error)})
            code = "FC990"
        return Message(Error(REFUSED, code), reply_to=message)

    return app


def _required(weights: Weights | None) -> Weights:
    if weights is None:
        raise FedchemoError("FC304", "the request carries no weights")
    return weights
