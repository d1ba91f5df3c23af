"""One exchange on its way: who has answered, who has failed, for whom it waits and until when."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.patience import Patience, is_slow
from fedchemo.shared.configuration import Settings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import Kind

FIRST_NOTE_S, LONGEST_NOTE_S = 5.0, 60.0
"""Seconds between two messages that say for whom an exchange waits: few when it takes hours."""
SILENT = "FC405"
PASSING = frozenset({SILENT, "FC611", "FC615"})
"""Silent, lost, told to stop: the site may be there again in a minute, where a refusal stays one."""


class QuorumMissedError(FedchemoError):
    """Fewer sites than the quorum have answered.

    Args:
        what: who, and why.
        failures: site -> code.
    """

    def __init__(self, what: str, failures: Mapping[str, str]) -> None:
        super().__init__("FC401", what)
        self.failures = dict(failures)

    @property
    def may_pass(self) -> bool:
        """Whether it may go better if the sites are asked again."""
        return any(code in PASSING for code in self.failures.values())


class Course:
    """Keeps account of one exchange, and records it.

    Args:
        kind: of the exchange.
        round_number: its round.
        sites: who should answer.
        asked: those of them that are online and were sent the request.
        quorum: sites that must answer.
        deadline_s: longest it may take.
        events: where it is recorded.
        patience: what sites took before; None waits for every site until the deadline.
        sent_bytes: that the requests hold together.
    """

    def __init__(
        self,
        kind: Kind,
        round_number: int,
        *,
        sites: Iterable[str],
        asked: Iterable[str],
        quorum: int,
        deadline_s: float,
        events: EventLog,
        patience: Patience | None,
        sent_bytes: int,
    ) -> None:
        self.missing = set(sites)
        """Sites that have not been heard of."""
        self._asked = set(asked)
        self._names: dict[str, object] = {"kind": kind, "round": round_number}
        self._kind, self._round = kind, round_number
        self._quorum, self._deadline_s = quorum, deadline_s
        self._events, self._patience = events, patience
        self._sent_bytes = sent_bytes
        self._answered = 0
        self._failures: dict[str, str] = {}
        self._slow: list[str] = []
        self.started = time.monotonic()
        self._note_s, self._noted = FIRST_NOTE_S, self.started
        events.emit("exchange_started", **self._names, sites=sorted(self.missing), deadline_s=deadline_s)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return round(time.monotonic() - self.started, 4)

    @property
    def awaited(self) -> set[str]:
        """Sites that were asked and have not answered."""
        return self.missing & self._asked

    def goes_on(self) -> bool:
        """Return whether to wait on, and say now and then for whom."""
        limit = self._limit()
        now = time.monotonic()
        if now - self._noted >= self._note_s:
            self._noted, self._note_s = now, min(1.5 * self._note_s, LONGEST_NOTE_S)
            self._events.emit(
                "awaiting_answers",
                **self._names,
                answered=self._answered,
                missing=sorted(self.awaited),
                left_s=round(max(0.0, limit - self.seconds), 1),
            )
        return self.seconds < limit

    def answered(self, site: str, reply: Settings, size: int) -> None:
        """Note a good answer of so many bytes."""
        seconds = self.seconds
        self._answered += 1
        usual = self._patience.usual(self._kind, site) if self._patience else None
        if is_slow(seconds, usual):
            self._slow.append(site)
        if self._patience:
            self._patience.note(self._kind, site, seconds)
        known = {} if usual is None else {"usual_s": round(usual, 4)}
        self._events.emit(
            "site_answered",
            **self._names,
            site=site,
            seconds=seconds,
            bytes=size,
            **known,
            reply=reply.model_dump(mode="json"),
        )

    def failed(self, site: str, code: str, size: int) -> None:
        """Note an error, or an answer that cannot be used."""
        self._failures[site] = code
        if self._patience:
            self._patience.note_heard(site)
        self._events.emit(
            "site_failed", **self._names, site=site, code=code, seconds=self.seconds, bytes=size
        )

    def end(self) -> None:
        """Record who did not answer, and the end.

        Raises:
            QuorumMissedError: FC401 if fewer than the quorum have answered.
        """
        seconds, awaited = self.seconds, self.awaited
        if awaited and seconds < self._deadline_s and self._limit() <= seconds:
            self._events.emit("wait_cut_short", **self._names, sites=sorted(awaited), seconds=seconds)
        failed = dict(self._failures)
        for site in sorted(self.missing):
            self._failures[site] = SILENT
            online = site in awaited
            if self._patience and online:
                self._patience.note_silent(site)
            self._events.emit("site_silent", **self._names, site=site, online=online, seconds=seconds)
        self._events.emit(
            "exchange_ended",
            **self._names,
            answered=self._answered,
            failed=failed,
            silent=sorted(self.missing),
            slow=sorted(self._slow),
            seconds=seconds,
            sent_bytes=self._sent_bytes,
        )
        if self._answered < self._quorum:
            told = ", ".join(f"{site} {code}" for site, code in sorted(self._failures.items())) or "none"
            raise QuorumMissedError(
                f"{self._kind} of round {self._round}: {self._answered} of {self._quorum} answered; failures: {told}",
                self._failures,
            )

    def _limit(self) -> float:
        """Return the seconds after which it waits no longer for those who have not answered."""
        if self._patience is None or self._answered < self._quorum:
            return self._deadline_s
        return min(self._deadline_s, self._patience.limit(self._kind, self.awaited))
