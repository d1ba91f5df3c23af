"""What a run's ``events.jsonl`` says that counted: read here once more, and not by the code that is tested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KIND_AND_ROUND = tuple[str, int]


@dataclass(frozen=True)
class History:
    """The events of a run.

    Attributes:
        everything: all of them, in order.
        counted: those that no later resumption has made void.
    """

    everything: list[dict[str, Any]]
    counted: list[dict[str, Any]]

    @classmethod
    def read(cls, run: Path) -> History:
        start, placed = 0, []
        for line in (run / "events.jsonl").read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                placed.append((start, json.loads(line)))
            start += len(line)
        resumed = [event for _, event in placed if event["event"] == "resumed"]
        spans = [(event["void_from"], event["void_to"]) for event in resumed]
        counted = [event for at, event in placed if not any(begin <= at < end for begin, end in spans)]
        return cls([event for _, event in placed], counted)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.counted if event["event"] == name]

    def exchanges(self) -> dict[KIND_AND_ROUND, list[dict[str, Any]]]:
        """Return the answers of each exchange: kind and round -> events; of one held again, those of the last time."""
        found: dict[KIND_AND_ROUND, list[dict[str, Any]]] = {}
        for event in self.counted:
            if event["event"] == "exchange_started":
                found[event["kind"], event["round"]] = []
            if event["event"] == "site_answered":
                found[event["kind"], event["round"]].append(event)
        return found

    def answered(self) -> dict[KIND_AND_ROUND, dict[str, Any]]:
        """Return the replies that counted: kind and round -> site -> reply."""
        return {
            exchange: {event["site"]: event["reply"] for event in events}
            for exchange, events in self.exchanges().items()
        }

    def repeated(self) -> list[KIND_AND_ROUND]:
        """Return the exchanges that were held again although the first time had its quorum."""
        found, held, missed = [], set(), False
        for event in self.counted:
            missed |= event["event"] == "quorum_lost"
            # The result is scored on two kinds of patients, and a site may be told twice that the run has ended.
            if event["event"] == "exchange_started" and event["kind"] not in {"evaluate", "finish"}:
                exchange = event["kind"], event["round"]
                if exchange in held and not missed:
                    found.append(exchange)
                held.add(exchange)
                missed = False
        return found

    def lost(self) -> list[str]:
        """Return what of a training round did not count, in words."""
        names = {"site_failed", "site_silent"}
        return [
            f"{event['site']} in round {event['round']} ({event.get('code', 'silent')})"
            for event in self.everything
            if event["event"] in names and event["kind"] == "train"
        ]
