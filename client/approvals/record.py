"""``approvals.json`` in the state folder: which runs asked to be approved, and what a person said.

Two programs write to it: the client, which asks, and `fedchemo client approve`, which answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import filelock
from pydantic import AwareDatetime, Field, ValidationError

from fedchemo.client.approvals.proposal import Proposal
from fedchemo.client.ledger.line import Digest
from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import Label, Purpose, Settings
from fedchemo.shared.errors import FedchemoError

Decision = Literal["waiting", "approved", "denied"]
MOST_WAITING = 100
"""A coordinator that asks under ever new names must not fill the disk: the oldest that waits is forgotten."""
LOCK_S = 10.0


class Asked(Settings):
    """A run that asked, and the answer."""

    identity: Digest
    subject: Digest
    run: Label
    purpose: Purpose
    fingerprint: Digest
    settings: Annotated[str, Field(max_length=5000)]
    asked: AwareDatetime
    decision: Decision = "waiting"
    decided: AwareDatetime | None = None

    @property
    def number(self) -> str:
        """What people type."""
        return self.identity[:8]


class _Content(Settings):
    runs: tuple[Asked, ...] = ()


class Record:
    """The file of approvals.

    Args:
        path: where it lies; made when the first run asks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.FileLock(path.with_suffix(".lock"), mode=0o600, timeout=LOCK_S)

    def read(self) -> Mapping[str, Asked]:
        """Return every run that asked, by identity, the oldest first.

        Raises:
            FedchemoError: FC924 if the file is damaged.
        """
        try:
            content = _Content.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError):
            raise FedchemoError("FC924", f"{self.path} cannot be read") from None
        return {asked.identity: asked for asked in content.runs}

    def decision(self, proposal: Proposal, *, for_all_alike: bool) -> Decision | None:
        """Return what was said to a run; with ``for_all_alike`` a yes to one with its purpose and model counts.

        Raises:
            FedchemoError: FC924.
        """
        runs = self.read()
        own = runs.get(proposal.identity)
        if own is not None and own.decision != "waiting":
            return own.decision
        alike = (asked for asked in runs.values() if asked.subject == proposal.subject)
        if for_all_alike and any(asked.decision == "approved" for asked in alike):
            return "approved"
        return None if own is None else own.decision

    def ask(self, proposal: Proposal) -> None:
        """Note that a run waits for an answer.

        Raises:
            FedchemoError: FC924.
        """
        asked = Asked(
            identity=proposal.identity,
            subject=proposal.subject,
            run=proposal.run,
            purpose=proposal.purpose,
            fingerprint=proposal.fingerprint,
            settings=proposal.in_words()[:5000],
            asked=dt.datetime.now(dt.UTC),
        )
        self._change(lambda runs: {asked.identity: asked, **runs} if asked.identity not in runs else runs)

    def decide(self, identity: str, decision: Literal["approved", "denied"]) -> None:
        """Note the answer to a run that has asked.

        Raises:
            FedchemoError: FC922 if it has not, FC924.
        """

        def change(runs: dict[str, Asked]) -> dict[str, Asked]:
            if identity not in runs:
                raise FedchemoError("FC922", f"no run {identity[:8]} has asked")
            answer = {"decision": decision, "decided": dt.datetime.now(dt.UTC)}
            return {**runs, identity: runs[identity].model_copy(update=answer)}

        self._change(change)

    def find(self, wanted: str) -> Asked:
        """Return the run with this name or number; of several of one name, the one that waits.

        Raises:
            FedchemoError: FC922 if there is none, or more than one.
        """
        runs = list(self.read().values())
        found = [asked for asked in runs if len(wanted) >= 4 and asked.identity.startswith(wanted.lower())]
        found = found or [asked for asked in runs if asked.run == wanted]
        if len(found) > 1:
            found = [asked for asked in found if asked.decision == "waiting"] or found
        if len(found) == 1:
            return found[0]
        several = ", ".join(asked.number for asked in found)
        raise FedchemoError(
            "FC922", f"{wanted}: {f'it may be {several}' if found else 'no run has asked by it'}"
        )

    def _change(self, change: Callable[[dict[str, Asked]], dict[str, Asked]]) -> None:
        try:
            with self._lock:
                runs = sorted(change(dict(self.read())).values(), key=lambda asked: asked.asked)
                waiting = [asked for asked in runs if asked.decision == "waiting"]
                forgotten = {asked.identity for asked in waiting[: max(0, len(waiting) - MOST_WAITING)]}
                kept = tuple(asked for asked in runs if asked.identity not in forgotten)
                write_text(self.path, _Content(runs=kept).model_dump_json(indent=1) + "\n", mode=0o600)
        except (OSError, filelock.Timeout) as error:
            raise FedchemoError("FC924", f"{self.path}: {error}") from error
