"""From an event to named numbers: what is not on this list is never tracked."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from fedchemo.server.events import Event
from fedchemo.shared.metrics.summary import ScoreSums

SETTINGS = ("run", "rounds", "strategy", "fingerprint")
"""What is told of a run when it begins or goes on."""


@dataclass(frozen=True)
class Measured:
    """Numbers of one moment.

    Attributes:
        time: seconds since 1970.
        round: that they belong to.
        values: name -> value; what concerns a site ends in its name.
    """

    time: float
    round: int
    values: dict[str, float]


class Measures:
    """Reads the events of one run in their order: what is asked after ``best_round`` concerns test patients."""

    def __init__(self) -> None:
        self._split = "validation"

    def __call__(self, event: Event) -> Measured | None:
        """Return the numbers of an event, if it holds any."""
        if event["event"] == "best_round":
            self._split = "test"
        known = cast("dict[str, Any]", event)
        values = {name: float(value) for name, value in self._values(known) if value is not None}
        if not values:
            return None
        return Measured(seconds(event), int(known["round"]), values)

    def _values(self, event: dict[str, Any]) -> Iterator[tuple[str, float | None]]:
        kind, site = event["event"], event.get("site")
        if kind == "site_answered" and event["kind"] == "train":
            reply = event["reply"]
            yield f"train_loss/{site}", reply["loss"]
            yield f"train_examples/{site}", reply["examples"]
            yield f"seconds/{site}", event["seconds"]
        elif kind == "site_answered" and event["kind"] == "evaluate":
            if event["reply"]["scores"] is not None:
                scores = ScoreSums.model_validate_json(_json(event["reply"]["scores"]))
                yield f"{self._split}_log_loss/{site}", scores.loss_sum / scores.n
                yield f"{self._split}_auc/{site}", area.value if (area := scores.auc()) else None
        elif kind == "model_scored":
            yield "validation_log_loss", event["log_loss"]
            yield "validation_patients", event["patients"]
        elif kind == "exchange_ended" and event["kind"] != "finish":
            yield f"answered/{event['kind']}", event["answered"]
            yield f"exchange_seconds/{event['kind']}", event["seconds"]
        elif kind in {"site_failed", "site_silent"} and event["kind"] != "finish":
            yield f"{kind}/{site}", 1
        elif kind == "best_round":
            yield "best_round", event["round"]


def settings(event: Event) -> dict[str, str] | None:
    """Return what an event says of the run as a whole; None if it does not begin one."""
    if event["event"] not in {"run_started", "resumed"}:
        return None
    return {name: str(event[name]) for name in SETTINGS if name in event}


def outcome(event: Event) -> str | None:
    """Return ``completed``, ``failed`` or ``stopped`` if the event ends a run."""
    return str(event["outcome"]) if event["event"] == "run_ended" else None


def seconds(event: Event) -> float:
    """Return when an event was, in seconds since 1970."""
    return datetime.datetime.fromisoformat(str(event["time"])).timestamp()


def _json(value: object) -> str:
    import json

    return json.dumps(value)
