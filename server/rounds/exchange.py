"""One exchange: a message to each of some sites, and their answers as they come, with a quorum and a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.course import Course
from fedchemo.server.rounds.patience import Patience
from fedchemo.server.rounds.unanswered import Unanswered
from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import MESSAGE_TYPES, Kind
from fedchemo.shared.wire.records import Weights, content_size, read_reply

Answered = TypeVar("Answered", bound=Settings)
WAITING_NOTE_S = 5.0
"""Seconds between two messages that say who is missing."""
LOST = frozenset({"FC611"})
"""Said of a site by the grid, which may hear of it again."""


class SiteGrid(Protocol):
    """What the round loop needs of a Grid: names, and replies one by one."""

    def sites(self) -> Mapping[str, int]:
        """Return the sites that are online now: name -> Flower node id."""
        ...

    def members(self) -> Iterable[str]:
        """Return the sites that may take part now, online or not."""
        ...

    def replies(
        self, messages: Iterable[Message], *, timeout: float, go_on: Callable[[], bool]
    ) -> Iterator[Message]:
        """Send messages and yield each reply when it is complete; what is missing at the end never comes.

        Args:
            messages: one for each site.
            timeout: longest wait, in seconds.
            go_on: asked about once a second; the wait ends when it is False.
        """
        ...

    def late(self) -> Mapping[str, float]:
        """Return what came since the last call for messages that nobody waits for: message id -> monotonic time."""
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
        patience: how long to wait for the last sites, once the quorum has answered; None is until the deadline.
        unanswered: what nobody waits for any more.
    """

    grid: SiteGrid
    events: EventLog
    quorum: int
    deadline_s: float
    wait_s: float
    patience: Patience | None = None
    unanswered: Unanswered = field(default_factory=Unanswered)

    def wait_for_quorum(self, expected: Iterable[str] = (), *, of: Iterable[str] | None = None) -> list[str]:
        """Return the names of the sites online, sorted, once the quorum is there.

        Args:
            expected: sites that are missed while they are not there; none names all that may take part.
            of: sites of which the quorum, or all if they are fewer, must be there as well.

        Raises:
            FedchemoError: FC401 after ``wait_s`` seconds.
        """
        end, note = time.monotonic() + self.wait_s, 0.0
        wanted = None if of is None else set(of)
        while True:
            online = self.grid.sites()
            there, needed = self._counted(online, wanted)
            if len(there) >= needed:
                return sorted(online)
            now = time.monotonic()
            members = set(self.grid.members())
            missing = sorted((set(expected) & members or members) - set(online))
            if now > end:
                raise FedchemoError(
                    "FC401",
                    f"{len(there)} of {needed} sites online after {self.wait_s:.0f} s; missing: {missing}",
                )
            if now > note:
                self._note_waiting(there, needed, missing, end - now)
                note = now + WAITING_NOTE_S
            self.look_for_late()
            time.sleep(0.05)

    def wait_for_return(self, sites: Iterable[str], *, seconds: float) -> None:
        """Wait until all these sites are online, or for some seconds: a run goes on without those that stay away.

        Sites that may not take part any more are not waited for.
        """
        wanted, end, note = set(sites), time.monotonic() + seconds, 0.0
        while missing := sorted(wanted & set(self.grid.members()) - set(self.grid.sites())):
            now = time.monotonic()
            if now >= end:
                return
            if now > note:
                self._note_waiting(wanted.difference(missing), len(wanted), missing, end - now)
                note = now + WAITING_NOTE_S
            time.sleep(0.05)

    def look_for_late(self) -> None:
        """Record the replies that came too late since the last look; nothing else is done with them."""
        for late in self.unanswered.came(self.grid.late()):
            if self.patience:
                self.patience.note(late.kind, late.site, late.seconds)
            self.events.emit(
                "late_reply", kind=late.kind, round=late.round, site=late.site, seconds=late.seconds
            )

    def _counted(self, online: Iterable[str], wanted: set[str] | None) -> tuple[set[str], int]:
        """Return the sites that count towards the quorum which is not there yet, and how many are needed."""
        there = set(online)
        if wanted is None or len(there) < self.quorum:
            return there, self.quorum
        return there & wanted, min(self.quorum, len(wanted))

    def _note_waiting(self, online: Iterable[str], quorum: int, missing: list[str], left_s: float) -> None:
        self.events.emit(
            "waiting", online=sorted(online), quorum=quorum, missing=missing, left_s=round(left_s, 1)
        )

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
        messages = list(messages)
        names = {node: site for site, node in self.grid.sites().items()}
        asked = {
            site: message for message in messages if (site := names.get(message.metadata.dst_node_id, ""))
        }
        course = Course(
            kind,
            round_number,
            sites=sites,
            asked=asked,
            quorum=self.quorum if quorum is None else quorum,
            deadline_s=self.deadline_s,
            events=self.events,
            patience=self.patience,
            sent_bytes=sum(content_size(message.content) for message in messages),
        )

        def go_on() -> bool:
            self.look_for_late()
            return course.goes_on()

        for message in self.grid.replies(messages, timeout=self.deadline_s, go_on=go_on):
            site = names.get(message.metadata.src_node_id, "")
            if site not in course.missing:
                continue
            course.missing.discard(site)
            size = content_size(message.content) if message.has_content() else 0
            try:
                answer = _read(site, message, reply_type)
                if accept:
                    accept(answer)
            except FedchemoError as error:
                course.failed(site, error.code, size)
                if error.code in LOST:
                    self._leave_open(kind, round_number, site, asked[site], course.started)
                continue
            course.answered(site, answer.reply, size)
            yield answer
        for site in course.awaited:
            self._leave_open(kind, round_number, site, asked[site], course.started)
        course.end()

    def _leave_open(self, kind: Kind, round_number: int, site: str, message: Message, sent: float) -> None:
        """Keep in mind what a site was asked and may answer when nobody waits for it."""
        message_id = message.metadata.message_id
        self.unanswered.note(message_id, kind=kind, round_number=round_number, site=site, sent=sent)


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
