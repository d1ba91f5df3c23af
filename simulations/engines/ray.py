"""Virtual hospitals on Flower's own simulation engine, for several machines or GPUs: ``pip install fedchemo[ray]``.

Flower starts Ray actors, each of which runs the ordinary ClientApp for whatever site a message is for. A
Ray cluster named by ``RAY_ADDRESS`` is used if there is one; site folders and the image cache must then lie on
a disk that all its machines see.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.app import client_app
from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.training.order import BatchOrder
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.quiet import silence_flower
from fedchemo.simulations.engines.flower import LOOK_S, START_S, running

silence_flower()

from flwr.app import ConfigRecord, Context, Error, Message, RecordDict  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import Grid  # noqa: E402

WHO = "query.who"
"""Asks a virtual node which site it is: Flower tells the number of a node's part to its actor only."""
NOTICES = "notices"
PROGRESS = frozenset({"training", "images"})
"""What a site tells at every step is for a screen beside it, and is not carried back."""


@dataclass(frozen=True)
class Recipe:
    """What an actor needs to make a participant anew: where the patients lie, not who they are."""

    folder: Path
    cache: Path
    policy: Policy
    device: str
    order: BatchOrder
    methods: Path | None


@functools.cache
def _made(recipe: Recipe) -> tuple[ClientApp, list[tuple[str, Mapping[str, object]]]]:
    """Return a site's app in this actor, and the list to which it tells what happens; made once an actor."""
    import torch

    torch.set_num_threads(1)
    told: list[tuple[str, Mapping[str, object]]] = []

    def tell(event: str, details: Mapping[str, object]) -> None:
        if event not in PROGRESS:
            told.append((event, dict(details)))

    participant = Participant(
        read_site(recipe.folder),
        recipe.cache,
        policy=recipe.policy,
        device=torch.device(recipe.device),
        order=recipe.order,
        methods=recipe.methods,
        notice=tell,
    )
    return client_app(lambda _context: participant), told


class _Sites(ClientApp):
    """The app that travels to the actors: finds the site that a node stands for and lets its own app answer."""

    def __init__(self, recipes: Mapping[str, Recipe]) -> None:
        super().__init__()
        self._recipes = [recipes[name] for name in sorted(recipes)]

    def __call__(self, message: Message, context: Context) -> Message:
        number = int(context.node_config["partition-id"])
        if message.metadata.message_type == WHO:
            return Message(RecordDict({"who": ConfigRecord({"number": number})}), reply_to=message)
        app, told = _made(self._recipes[number])
        reply = app(message, context)
        notices = json.dumps(told, default=str)
        told.clear()
        if reply.has_error():
            # An error has no content beside its reason.
            return Message(Error(reply.error.code, f"{reply.error.reason} {notices}"), reply_to=message)
        reply.content[NOTICES] = ConfigRecord({NOTICES: notices})
        return reply


class RayGrid:
    """The way to the sites: Flower's in-memory Grid, read reply by reply.

    Args:
        grid: Flower's.
        engine: Flower's engine at work; if it ends, so does every exchange.
        participants: told what happens at the sites, by name.
    """

    def __init__(self, grid: Grid, engine: Future[None], participants: Mapping[str, Participant]) -> None:
        self._grid, self._engine, self._participants = grid, engine, participants
        self._given_up: set[str] = set()
        names = sorted(participants)
        questions = [Message(RecordDict(), node, WHO) for node in grid.get_node_ids()]
        self._names = {
            reply.metadata.src_node_id: names[int(str(reply.content["who"]["number"]))]
            for reply in self._answers(questions, end=time.monotonic() + START_S)
        }
        if len(self._names) < len(names):
            raise FedchemoError(
                "FC761", f"{len(self._names)} of {len(names)} sites have started after {START_S:.0f} s"
            )

    def sites(self) -> Mapping[str, int]:
        """Return every site; all are always online."""
        return {name: node for node, name in self._names.items()}

    def members(self) -> Iterable[str]:
        """Return every site."""
        return list(self._names.values())

    def late(self) -> Mapping[str, float]:
        """Return the messages that were answered since the last call though nobody waited any more, and when."""
        if not self._given_up:
            return {}
        came = [reply.metadata.reply_to_message_id for reply in self._grid.pull_messages(self._given_up)]
        self._given_up.difference_update(came)
        return dict.fromkeys(came, time.monotonic())

    def replies(
        self,
        messages: Iterable[Message],
        *,
        timeout: float,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Message]:
        """Yield each reply as it comes.

        Raises:
            FedchemoError: FC761 if Flower's engine fails.
        """
        messages = list(messages)
        for message in messages:
            message.metadata.ttl = max(message.metadata.ttl, timeout + 60)
        for reply in self._answers(messages, end=time.monotonic() + timeout, go_on=go_on):
            yield self._told(reply)

    def _answers(
        self, messages: Iterable[Message], *, end: float, go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[Message]:
        missing = set(self._grid.push_messages(messages))
        while missing and time.monotonic() < end and go_on():
            if self._engine.done():
                raise FedchemoError("FC761", str(self._engine.exception() or "Flower's engine has ended"))
            found = list(self._grid.pull_messages(missing))
            missing -= {reply.metadata.reply_to_message_id for reply in found}
            yield from found
            if not found:
                time.sleep(LOOK_S)
        self._given_up |= missing

    def _told(self, reply: Message) -> Message:
        """Hand on what the site told, and return the reply without it."""
        participant = self._participants[self._names[reply.metadata.src_node_id]]
        if reply.has_error():
            reason = str(reply.error.reason)
            code, _, notices = reason.partition(" ")
            reply.error = Error(reply.error.code, code)
        else:
            reason = notices = str(reply.content.pop(NOTICES)[NOTICES])
        try:
            told = json.loads(notices)
        except json.JSONDecodeError:  # the actor died, and these are Flower's own words
            told = [("failed", {"type": "actor", "what": reason})]
        for event, details in told:
            participant.notice(event, details)
        return reply


@contextlib.contextmanager
def ray_engine(participants: Sequence[Participant], *, workers: int | None = None) -> Iterator[RayGrid]:
    """Run the sites in Ray actors, each with one torch thread; when it ends, Ray is stopped.

    Args:
        participants: the sites; the actors read their folders anew.
        workers: actors; by default one a core, on GPUs one a GPU.

    Raises:
        FedchemoError: FC760 if Ray is not installed, FC761 if it does not start.
    """
    if importlib.util.find_spec("ray") is None:
        raise FedchemoError("FC760", "the package ray is not there")
    by_name = {participant.name: participant for participant in participants}
    app = _Sites({name: _recipe(participant) for name, participant in by_name.items()})
    with running(app, len(by_name), workers=workers, gpu=_on_gpu(participants)) as (grid, engine):
        yield RayGrid(grid, engine, by_name)


def _recipe(participant: Participant) -> Recipe:
    return Recipe(
        participant.cohort.folder.resolve(),
        participant.cache.resolve(),
        participant.policy,
        participant.device.type,  # Ray shows each actor its own GPU as the first
        participant.order,
        participant.methods and participant.methods.resolve(),
    )


def _on_gpu(participants: Sequence[Participant]) -> bool:
    return any(participant.device.type == "cuda" for participant in participants)
