"""An exchange whose quorum was lost on the way is held again: a network that is down for minutes must not end a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from fedchemo.server.rounds.course import QuorumMissedError
from fedchemo.server.rounds.exchange import Exchanges

TRIES = 5
"""A quorum that is lost so often in one exchange will not hold in the next try either."""
Result = TypeVar("Result")


def until_quorum(
    exchanges: Exchanges, attempt: Callable[[], Result], *, what: str, of: Iterable[str] | None = None
) -> Result:
    """Return what an attempt returns; try again when sites were lost or silent, and the quorum is online again.

    What sites return is a pure function of the request, so the second attempt gives the bits of the first.

    Args:
        exchanges: with which the attempt is made.
        attempt: makes a fresh start each time; nothing of one that failed may count.
        what: of which exchange, in words.
        of: sites of which the quorum is wanted; None is of all.

    Raises:
        FedchemoError: FC401 if the quorum is missed by refusals, too often, or does not come back.
    """
    for left in reversed(range(TRIES)):
        try:
            return attempt()
        except QuorumMissedError as error:
            if not left or not error.may_pass:
                raise
            exchanges.events.emit("quorum_lost", exchange=what, failures=error.failures, tries_left=left)
            exchanges.wait_for_quorum(of or (), of=of)
    raise AssertionError  # the last attempt returns or raises
