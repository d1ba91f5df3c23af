"""Reading ``events.jsonl`` back: each thing that happened to a run once, however often it was resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def every_event(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every event of a file in order; a line that a crash cut short is passed over."""
    for _, event in _placed(path):
        yield event


def counted_events(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the events that count, in order.

    A resumed run does again what it did after the checkpoint at which it goes on. Its event ``resumed`` says from
    which byte of the file to which what was written is void.
    """
    void = [
        range(event["void_from"], event["void_to"])
        for _, event in _placed(path)
        if event["event"] == "resumed"
    ]
    for start, event in _placed(path):
        if not any(start in span for span in void):
            yield event


def _placed(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield where in the file an event begins, and the event."""
    start = 0
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = None
                if isinstance(event, dict) and "event" in event:
                    yield start, event
                start += len(line)
    except FileNotFoundError:
        return
