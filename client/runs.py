"""Which runs this hospital was asked for: only the end of one of these is acknowledged, and once."""

from __future__ import annotations

from fedchemo.client.approvals import Proposal
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import FinishRequest, Request

MOST_RUNS = 1000
"""Runs that are kept in mind; ever new ones must not fill the memory."""


class Runs:
    """The runs of which this process was asked something, answered or refused, and that have not ended.

    The end of a run is the one request that no policy looks at and nobody approves, and each is lines in the ledger.
    So the end of a run that never was, or that has ended, is a refusal, and refusals are slowed down.
    """

    def __init__(self) -> None:
        self._going_on: dict[str, None] = {}

    def note(self, request: Request) -> None:
        """Keep the run of a request in mind."""
        identity = Proposal.of(request).identity
        self._going_on.pop(identity, None)
        self._going_on[identity] = None
        if len(self._going_on) > MOST_RUNS:
            del self._going_on[next(iter(self._going_on))]

    def end(self, request: FinishRequest) -> None:
        """Let a run be over.

        Raises:
            FedchemoError: FC919 if nothing of it was asked here, or it is over already.
        """
        identity = Proposal.of(request).identity
        if identity not in self._going_on:
            raise FedchemoError(
                "FC919", f'the end of the run "{request.run}", of which nothing was asked here'
            )
        del self._going_on[identity]
