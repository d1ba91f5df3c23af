"""What runs in the worker process: a participant that answers one question after the other.

Flower is not imported here. Ctrl-C and SIGTERM go to every process of a terminal or a service; they are the client's to
heed, which then says stop or ends this process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedchemo.client.cohort import Cohort
from fedchemo.client.policy import Policy
from fedchemo.client.worker.frames import Order, Question, Said, receive, send, send_event
from fedchemo.client.worker.vectors import SharedVectors, Weights
from fedchemo.shared.configuration import parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.memory import keep_freed_memory
from fedchemo.shared.wire.messages import (
    EvaluateRequest,
    LogisticRequest,
    PersonalRequest,
    Request,
    StatisticsRequest,
    TrainRequest,
)

if TYPE_CHECKING:
    from fedchemo.client.participant import Participant

REQUESTS: Mapping[str, type[Request]] = {
    "statistics": StatisticsRequest,
    "logistic": LogisticRequest,
    "train": TrainRequest,
    "evaluate": EvaluateRequest,
    "personal": PersonalRequest,
}
STOPPED = "this client was told to stop while it worked"
FIRST_TO_GO = "500"
"""Of -1000 to 1000: when memory runs out, the kernel ends this process before the client, which makes good for it."""


@dataclass(frozen=True)
class Setup:
    """All that a worker process is given.

    Attributes:
        cohort: the part of the site's patients that the policy allows.
        images: folder of the prepared images.
        methods: folder of what methods remember.
        policy: of the hospital.
        device: ``auto``, ``cpu`` or ``cuda:N``.
    """

    cohort: Cohort
    images: Path
    methods: Path
    policy: Policy
    device: str


def serve(connection: Connection, vectors: SharedVectors) -> None:
    """Take a `Setup` from the client, then answer its questions, until it is gone or ends this process."""
    _belong_to_the_client()
    client = _Client(connection)
    try:
        try:
            participant = _participant(client, connection.recv())
        except FedchemoError as error:
            send(connection, Said(refused=(error.code, error.what)))
            return
        while True:
            question = receive(connection, Order).question
            if question is not None:  # else an order about a request that is answered already
                _answer(client, participant, vectors, question)
    except (EOFError, OSError):
        return  # the client is gone


class _Client:
    """The client's process, as this one sees it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def notice(self, event: str, details: Mapping[str, object]) -> None:
        """Tell an event; a piece of work that is to stop stops here.

        Raises:
            FedchemoError: FC615.
        """
        send_event(self.connection, event, details)
        if self.connection.poll():
            self._obey(receive(self.connection, Order))

    def approve(self, _request: Request) -> None:
        """Ask whether the request in hand may go on: the client has the person, and the memory of runs.

        Raises:
            FedchemoError: whatever it says.
        """
        send(self.connection, Said(approve=True))
        self._obey(receive(self.connection, Order))

    @staticmethod
    def _obey(order: Order) -> None:
        if order.stop:
            raise FedchemoError("FC615", STOPPED)
        if order.refused is not None:
            raise FedchemoError(*order.refused)


def _belong_to_the_client() -> None:
    """End with the client, even if it is killed, and do not take its signals."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    threading.Thread(target=_end_with_the_client, name="parent", daemon=True).start()
    keep_freed_memory()


def _end_with_the_client() -> None:
    client = multiprocessing.parent_process()
    if client is not None:
        client.join()
        os._exit(1)


def _participant(client: _Client, setup: Setup) -> Participant:
    """Return the participant, its device chosen.

    Raises:
        FedchemoError: FC310.
    """
    import torch

    from fedchemo.client.participant import Participant
    from fedchemo.client.training.device import choose

    device, reason = choose(setup.device)
    if device.type == "cpu":
        # One thread gives the same bits on every machine of a type; more would not.
        torch.set_num_threads(1)
    participant = Participant(
        setup.cohort,
        setup.images,
        policy=setup.policy,
        device=device,
        notice=client.notice,
        preparing=os.cpu_count() or 1,
        approve=client.approve,
        methods=setup.methods,
    )
    send(client.connection, Said(ready=(str(device), reason)))
    return participant


def _answer(client: _Client, participant: Participant, vectors: SharedVectors, question: Question) -> None:
    """Answer one question, or say why not; whatever a request brings about, the next one is answered as well."""
    try:
        said = _reply(participant, vectors, question)
    except FedchemoError as error:
        said = Said(refused=(error.code, error.what[:20_000]))
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - its words stay inside the hospital
        said = Said(unforeseen=f"{type(error).__name__}: {error}"[:20_000])
    send(client.connection, said)


def _reply(participant: Participant, vectors: SharedVectors, question: Question) -> Said:
    request: Any = parse(REQUESTS[question.kind], question.request, source=question.kind, code="FC304")
    received: list[Weights] = vectors.views(question.vectors)
    match question.kind:
        case "train":
            reply, update = participant.train(
                request, received[0], proximal_mu=question.proximal_mu, parts=question.parts
            )
            (length,) = vectors.put([update])
            return Said(reply=reply.model_dump_json(), vector=length)
        case "evaluate":
            scores = participant.evaluate(request, received[0], parts=question.parts)
            return Said(reply=scores.model_dump_json())
        case "personal":
            own = participant.personal(request, received[0], parts=question.parts)
            return Said(reply=own.model_dump_json())
        case "logistic":
            return Said(reply=participant.logistic(request).model_dump_json())
        case "statistics":
            return Said(reply=participant.statistics(request).model_dump_json())
