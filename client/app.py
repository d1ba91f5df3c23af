"""The Flower ClientApp of a site: from Flower's messages to the participant and back through the gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from fedchemo.client.gate import release, run_of
from fedchemo.client.policy import Metric
from fedchemo.client.runs import Runs
from fedchemo.client.site import Site
from fedchemo.client.training.halving import Halving
from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    FinishReply,
    FinishRequest,
    LogisticRequest,
    PersonalRequest,
    Request,
    StatisticsRequest,
    TrainRequest,
)
from fedchemo.shared.wire.records import Weights, read_request

Find = Callable[[Context], Site]
"""Which participant a message is for: the hospital's only one, or one of many virtual ones."""

Asked = TypeVar("Asked", bound=Request)
Answered = TypeVar("Answered")

REFUSED = 900
"""Flower error code of a numbered refusal; the reason is the fedchemo code and nothing else."""


def client_app(find: Find, runs: Runs | None = None) -> ClientApp:
    """Return the app that answers every kind of exchange.

    Args:
        find: which participant answers.
        runs: keeps in mind which runs were asked for, so that no other is acknowledged to have ended. Virtual sites,
            which have no memory from one message to the next, take the coordinator's word.
    """
    app = ClientApp()
    halving = Halving()

    @app.query("statistics")
    def statistics(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, _, _ = read_request(message.content, StatisticsRequest)
            return _released(site, request, site.statistics(_noted(request)))

        return _answer(message, context, answer)

    @app.query("logistic")
    def logistic(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, _, _ = read_request(message.content, LogisticRequest)
            return _released(site, request, site.logistic(_noted(request)))

        return _answer(message, context, answer)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, proximal_mu, weights = read_request(message.content, TrainRequest)
            received = _required(weights)
            reply, update = _fitting(
                message,
                site,
                request,
                lambda parts: site.train(request, received, proximal_mu=proximal_mu, parts=parts),
            )
            # The gate bounds all that leaves, so it compares with all that came.
            return _released(site, request, reply, update, received=received)

        return _answer(message, context, answer)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, _, weights = read_request(message.content, EvaluateRequest)
            received = _required(weights)
            reply = _fitting(
                message, site, request, lambda parts: site.evaluate(request, received, parts=parts)
            )
            return _released(site, request, reply, metric=request.split)

        return _answer(message, context, answer)

    @app.query("personal")
    def personal(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, _, weights = read_request(message.content, PersonalRequest)
            received = _required(weights)
            reply = _fitting(
                message, site, request, lambda parts: site.personal(request, received, parts=parts)
            )
            return _released(site, request, reply)

        return _answer(message, context, answer)

    @app.query("finish")
    def finish(message: Message, context: Context) -> Message:
        def answer(site: Site) -> RecordDict:
            request, _, _ = read_request(message.content, FinishRequest)
            if runs is not None:
                try:
                    runs.end(request)
                except FedchemoError:
                    site.notice("run_over", {"run": request.run})
                    raise
            site.notice("run_finished", {"run": request.run, "outcome": request.outcome})
            return _released(site, request, FinishReply())

        return _answer(message, context, answer)

    def _fitting(
        message: Message, site: Site, request: Request, answer: Callable[[int], Answered]
    ) -> Answered:
        """Return the answer to a request in as few parts as fit in memory."""
        return halving(
            site.name,
            _noted(request).configuration,
            answer,
            lambda event, details: site.notice(event, {**_about(message), **details}),
        )

    def _noted(request: Asked) -> Asked:
        if runs is not None:
            runs.note(request)
        return request

    def _answer(message: Message, context: Context, answer: Callable[[Site], RecordDict]) -> Message:
        site = find(context)
        try:
            return Message(answer(site), reply_to=message)
        except FedchemoError as error:
            site.notice("refused", {**_about(message), "code": error.code, "what": error.what})
            code = error.code
        except Exception as error:  # noqa: BLE001 - a site must outlive any request, and its reasons stay inside
            what = f"{type(error).__name__}: {error}"
            site.notice("failed", {**_about(message), "what": what})
            code = "FC990"
        return Message(Error(REFUSED, code), reply_to=message)

    return app


def _about(message: Message) -> dict[str, object]:
    run, number = run_of(message.content)
    return {"type": message.metadata.message_type, "run": run, "round": number}


def _released(
    site: Site,
    request: Request,
    reply: Settings,
    update: Weights | None = None,
    *,
    received: Weights | None = None,
    metric: Metric = "validation",
) -> RecordDict:
    """Let an answer through the gate, by this site's policy."""
    return release(
        reply,
        update,
        received=received,
        metric=metric,
        policy=site.policy,
        note=site.notice,
        request=request,
    )


def _required(weights: Weights | None) -> Weights:
    if weights is None:
        raise FedchemoError("FC304", "the request carries no weights")
    return weights
