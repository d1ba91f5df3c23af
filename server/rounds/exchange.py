"""One exchange: a message to each of some sites, and their answers as they come, with a quorum and a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fedchemo.server.events import EventLog
from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import MESSAGE_TYPES, Kind
from fedchemo.shared.wire.records import Weights, content_size, read_reply

Answered = TypeVar("Answered", bound=Settings)
WAITING_NOTE_S = 5.0
"""Seconds between two messages that say who is missing."""


class SiteGrid(Protocol):
    """What the round loop needs of a Grid: names, and replies one by one."""

    def sites(self) -> Mapping[str, int]:
        """Return the sites that are online now: name -> Flower node id."""
        ...

    def replies(self, messages: Iterable[Message], *, timeout: float) -> Iterator[Message]:
        """Send messages and yield each reply when it is complete; what is missing at the timeout never comes."""
        ...


@dataclass(frozen=True)
class Answer(Generic[Answered]):
    """One site's answer."""

    site: str
    reply: Answered
    weights: Weights | None


@dataclass(frozen=True)
class Exchanges:
    """Runs exchanges over a grid.

    Args:
        grid: the way to the sites.
        events: where each exchange is recorded.
        quorum: sites that must answer.
        deadline_s: longest an exchange may take.
        wait_s: longest to wait for the quorum to be online.
    """

    grid: SiteGrid
    events: EventLog
    quorum: int
    deadline_s: float
    wait_s: float

    def wait_for_quorum(self, expected: Iterable[str] = ()) -> list[str]:
        """Return the names of the sites online, sorted, once the quorum is there.

        Raises:
            FedchemoError: FC401 after ``wait_s`` seconds.
        """
        end, note = time.monotonic() + self.wait_s, 0.0
        while len(online := self.grid.sites()) < self.quorum:
            now = time.monotonic()
            missing = sorted(set(expected) - set(online))
            if now > end:
                raise FedchemoError(
                    "FC401",
                    f"{len(online)} of {self.quorum} sites online after {self.wait_s:.0f} s; missing: {missing}",
                )
            if now > note:
                self.events.emit("waiting", online=sorted(online), quorum=self.quorum, missing=missing)
                note = now + WAITING_NOTE_S
            time.sleep(0.05)
        return sorted(online)

    def wait_for_return(self, sites: Iterable[str], *, seconds: float) -> None:
        """Wait until all these sites are online, or for some seconds: a run goes on without those that stay away."""
        wanted, end, note = set(sites), time.monotonic() + seconds, 0.0
        while (missing := sorted(wanted - set(self.grid.sites()))) and (now := time.monotonic()) < end:
            if now > note:
                online = sorted(wanted.difference(missing))
                self.events.emit("waiting", online=online, quorum=len(wanted), missing=missing)
                note = now + WAITING_NOTE_S
            time.sleep(0.05)

    def ask(
        self,
        kind: Kind,
        reply_type: type[Answered],
        sites: Iterable[str],
        config: ConfigRecord,
        arrays: ArrayRecord | None = None,
        *,
        round_number: int = 0,
        quorum: int | None = None,
        accept: Callable[[Answer[Answered]], None] | None = None,
    ) -> Iterator[Answer[Answered]]:
        """Send the same request to each site and yield the good answers as they come; ``accept`` as in `send`.

        Raises:
            FedchemoError: FC401 if fewer than the quorum have answered when the exchange ends.
        """
        nodes = self.grid.sites()
        content = RecordDict({"config": config} if arrays is None else {"config": config, "arrays": arrays})
        messages = [
            Message(content, dst_node_id=nodes[site], message_type=MESSAGE_TYPES[kind])
            for site in sites
            if site in nodes
        ]
        yield from self.send(
            kind, reply_type, messages, sites, round_number=round_number, quorum=quorum, accept=accept
        )

    def send(
        self,
        kind: Kind,
        reply_type: type[Answered],
        messages: Iterable[Message],
        sites: Iterable[str],
        *,
        round_number: int,
        quorum: int | None = None,
        accept: Callable[[Answer[Answered]], None] | None = None,
    ) -> Iterator[Answer[Answered]]:
        """Send messages that are made already, as `ask`; an answer that ``accept`` refuses counts as a failure."""
        needed = self.quorum if quorum is None else quorum
        names = {node: site for site, node in self.grid.sites().items()}
        silent = set(sites)
        good, started = 0, time.monotonic()
        self.events.emit("exchange_started", kind=kind, round=round_number, sites=sorted(silent))
        failures: dict[str, str] = {}
        sent = _Weighed(messages)
        for message in self.grid.replies(sent, timeout=self.deadline_s):
            site = names.get(message.metadata.src_node_id, "")
            if site not in silent:
                continue
            silent.discard(site)
            seconds = round(time.monotonic() - started, 4)
            size = content_size(message.content) if message.has_content() else 0
            try:
                answer = _read(site, message, reply_type)
                if accept:
                    accept(answer)
            except FedchemoError as error:
                failures[site] = error.code
                self.events.emit(
                    "site_failed",
                    kind=kind,
                    round=round_number,
                    site=site,
                    code=error.code,
                    seconds=seconds,
                    bytes=size,
                )
                continue
            good += 1
            self.events.emit(
                "site_answered",
                kind=kind,
                round=round_number,
                site=site,
                seconds=seconds,
                bytes=size,
                reply=answer.reply.model_dump(mode="json"),
            )
            yield answer
        for site in sorted(silent):
            failures[site] = "FC405"
            self.events.emit("site_silent", kind=kind, round=round_number, site=site)
        self.events.emit(
            "exchange_ended",
            kind=kind,
            round=round_number,
            answered=good,
            seconds=time.monotonic() - started,
            sent_bytes=sent.size,
        )
        if good < needed:
            told = ", ".join(f"{site} {code}" for site, code in sorted(failures.items())) or "none"
            raise FedchemoError(
                "FC401", f"{kind} of round {round_number}: {good} of {needed} answered; failures: {told}"
            )


class _Weighed:
    """Hands messages on and adds up what their contents hold."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages = messages
        self.size = 0

    def __iter__(self) -> Iterator[Message]:
        for message in self._messages:
            self.size += content_size(message.content)
            yield message


def _read(site: str, message: Message, reply_type: type[Answered]) -> Answer[Answered]:
    """Return a site's answer.

    Raises:
        FedchemoError: the code that the site sent, or FC304, FC305 if its answer is not understood.
    """
    from fedchemo.shared.catalogue import CATALOGUE

    if message.has_error():
        code = message.error.reason
        raise FedchemoError(code if code in CATALOGUE else "FC990", f"{site} refused")
    reply, weights = read_reply(message.content, reply_type)
    return Answer(site, reply, weights)
