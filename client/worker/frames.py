"""What the client and its worker process say to each other: JSON text, each frame of one kind.

JSON and not Python's own pickles, which multiprocessing would send: whoever broke into the worker by a crafted image
must not get further by what it answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from fedchemo.shared.configuration import Settings, parse

LONGEST = 16 * 2**20
"""Bytes of a frame; the longest is a logistic reply's Hessian."""
Frame = TypeVar("Frame", bound=Settings)
Told = Annotated[str, Field(max_length=20_000)]
Fault = tuple[Annotated[str, Field(pattern=r"^FC\d{3}$")], Told]
"""A code and what happened."""


class Question(Settings):
    """A request to answer; what came with it beside the text lies in the shared memory."""

    kind: Literal["statistics", "logistic", "train", "evaluate", "personal"]
    request: str
    vectors: Annotated[tuple[int, ...], Field(max_length=1)] = ()
    proximal_mu: float = 0.0
    parts: int = 1


class Order(Settings):
    """To the worker; one field is set.

    Attributes:
        question: what to answer.
        approved: the run of the request in hand may go on.
        refused: it may not.
        stop: give up the request in hand.
    """

    question: Question | None = None
    approved: Literal[True] | None = None
    refused: Fault | None = None
    stop: Literal[True] | None = None


class Said(Settings):
    """From the worker; one field is set.

    Attributes:
        ready: the device that was chosen, and why.
        event: the name and details of something to tell on the hospital's screen. Each is a sign of progress.
        approve: the request in hand waits until it is approved or refused.
        reply: the answer, as JSON text.
        vector: how many weights of the update lie in the shared memory, with ``reply``.
        refused: instead of an answer.
        unforeseen: instead of an answer, an exception that no rule foresees, in words.
    """

    ready: tuple[Told, Told] | None = None
    event: tuple[Annotated[str, Field(max_length=40)], dict[str, Any]] | None = None
    approve: Literal[True] | None = None
    reply: str | None = None
    vector: Annotated[int, Field(ge=0)] | None = None
    refused: Fault | None = None
    unforeseen: Told | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing more is said about the request in hand."""
        return self.reply is not None or self.refused is not None or self.unforeseen is not None


def send(connection: Connection, frame: Settings) -> None:
    """Send a frame.

    Raises:
        OSError: if the other side is gone.
    """
    connection.send_bytes(frame.model_dump_json(exclude_defaults=True).encode())


def send_event(connection: Connection, event: str, details: Mapping[str, object]) -> None:
    """Send an event; what JSON does not know of its details goes as text. Some thousand a second must be cheap."""
    connection.send_bytes(json.dumps({"event": [event, dict(details)]}, default=str).encode())


def receive(connection: Connection, kind: type[Frame]) -> Frame:
    """Return the next frame.

    Raises:
        EOFError, OSError: if the other side is gone.
        FedchemoError: FC630 if it is no such frame.
    """
    return parse(
        kind, connection.recv_bytes(LONGEST), source="between client and worker process", code="FC630"
    )
