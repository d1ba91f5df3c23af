"""Requests that nobody waits for any more: a reply to one of them is discarded, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST = 10_000
"""Requests remembered; of older ones nobody will hear any more."""


@dataclass(frozen=True)
class LateReply:
    """A reply that came after its exchange had ended, or after its site had been taken for lost."""

    kind: str
    round: int
    site: str
    seconds: float
    """From the request to the reply."""


@dataclass(frozen=True)
class _Request:
    kind: str
    round: int
    site: str
    sent: float


class Unanswered:
    """What was asked and not answered in time.

    Only these requests can have a late reply, each one: what else a site says to answer is not looked at.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Request] = {}

    def note(self, message_id: str, *, kind: str, round_number: int, site: str, sent: float) -> None:
        """Note that a request is not waited for any more; ``sent`` by the monotonic clock."""
        self._open[message_id] = _Request(kind, round_number, site, sent)
        if len(self._open) > MOST:
            del self._open[next(iter(self._open))]

    def owes(self, site: str) -> bool:
        """Return whether a site may still be at work on a request of before."""
        return any(request.site == site for request in self._open.values())

    def came(self, arrivals: Mapping[str, float]) -> Iterator[LateReply]:
        """Yield the late replies among arrivals: message id of the request -> when it came."""
        for message_id, when in arrivals.items():
            request = self._open.pop(message_id, None)
            if request is not None:
                seconds = round(when - request.sent, 4)
                yield LateReply(request.kind, request.round, request.site, seconds)
