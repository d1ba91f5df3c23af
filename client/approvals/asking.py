"""Lets a run go on only when a person at the hospital has said yes to it, or the policy needs no person."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from fedchemo.client.approvals.proposal import Proposal
from fedchemo.client.approvals.record import Record
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import Request

LOOK_S = 0.5
"""How often to look for an answer that came from elsewhere, and whether the client is to stop."""
Mode = Literal["ask", "once", "always"]
Notice = Callable[[str, Mapping[str, object]], None]


class Asking(Protocol):
    """The person at the terminal; see `fedchemo.client.approvals.terminal.Terminal`."""

    def clear(self) -> None:
        """Forget what was typed before the question."""
        ...

    def answer(self, *, seconds: float) -> Literal["yes", "no", "unclear"] | None:
        """Return what was typed within some seconds, or None."""
        ...


class Approver:
    """Decides on each request of a run; a run that was decided on costs one look at the file.

    Args:
        record: the file of approvals.
        mode: of the policy: ``ask``, ``once`` or ``always``.
        wait_s: how long a run waits for an answer.
        notice: told ``asked``, ``approved``, ``denied``, ``still_waiting``.
        terminal: where a person sits; None if nobody does.
        stopping: whether the client is to stop.
    """

    def __init__(
        self,
        record: Record,
        *,
        mode: Mode,
        wait_s: float,
        notice: Notice,
        terminal: Asking | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._record, self._mode, self._wait_s = record, mode, wait_s
        self._notice, self._terminal, self._stopping = notice, terminal, stopping
        self._told: dict[str, str] = {}

    def __call__(self, request: Request) -> None:
        """Return if the run of a request is approved.

        Raises:
            FedchemoError: FC904 if nobody said yes in time, FC905 if somebody said no, FC924.
        """
        proposal = Proposal.of(request)
        if self._mode == "always":
            self._tell_once(proposal, "approved", 'by the rule approvals = "always"')
            return
        decision = self._decision(proposal)
        if decision not in {"approved", "denied"}:
            decision = self._ask(proposal)
        if decision == "denied":
            self._tell_once(proposal, "denied", "by a person at this hospital")
            raise FedchemoError("FC905", f'a person at this hospital said no to the run "{proposal.run}"')
        self._tell_once(proposal, "approved", "by a person at this hospital")

    def _decision(self, proposal: Proposal) -> str | None:
        return self._record.decision(proposal, for_all_alike=self._mode == "once")

    def _ask(self, proposal: Proposal) -> str:
        """Ask, and wait for an answer from the terminal or from elsewhere.

        Raises:
            FedchemoError: FC904.
        """
        self._record.ask(proposal)
        if self._terminal is not None:
            self._terminal.clear()
        details = self._details(proposal)
        self._notice("asked", {**details, "terminal": self._terminal is not None, "wait_s": self._wait_s})
        end = time.monotonic() + self._wait_s
        while True:
            left = end - time.monotonic()
            if left <= 0 or self._stopping():
                raise FedchemoError(
                    "FC904", f'nobody said yes to the run "{proposal.run}" ({proposal.number})'
                )
            self._listen(proposal, details, min(LOOK_S, left))
            decision = self._decision(proposal)
            if decision in {"approved", "denied"}:
                return str(decision)

    def _listen(self, proposal: Proposal, details: Mapping[str, object], seconds: float) -> None:
        """Wait a little, for an answer at the terminal if there is one."""
        if self._terminal is None:
            time.sleep(seconds)
            return
        match self._terminal.answer(seconds=seconds):
            case "yes":
                self._record.decide(proposal.identity, "approved")
            case "no":
                self._record.decide(proposal.identity, "denied")
            case "unclear":
                self._notice("still_waiting", details)

    def _tell_once(self, proposal: Proposal, event: str, how: str) -> None:
        """Tell a decision when it is first acted on, and when it has changed."""
        if self._told.get(proposal.identity) != event:
            if len(self._told) > 1000:  # as with the file: ever new names must not fill the memory
                self._told.clear()
            self._told[proposal.identity] = event
            self._notice(event, {**self._details(proposal), "how": how})

    @staticmethod
    def _details(proposal: Proposal) -> dict[str, object]:
        return {
            "run": proposal.run,
            "purpose": proposal.purpose,
            "fingerprint": proposal.fingerprint,
            "number": proposal.number,
            "settings": proposal.in_words(),
        }
