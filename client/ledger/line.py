"""One line of the ledger, and how it holds on to the line before: a hash chain (Haber & Stornetta, 1991)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from fedchemo.shared.configuration import Settings

Event = Literal[
    "started",
    "joined",
    "asked",
    "approved",
    "denied",
    "refused",
    "failed",
    "clipped",
    "suppressed",
    "sent",
    "run_ended",
    "recovered",
    "stopped",
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
START = "0" * 64
"""What stands for the line before the first."""


class Line(Settings):
    """What happened.

    Attributes:
        number: 1, 2, 3 and so on.
        time: when, UTC.
        event: what happened; ``sent`` is a passage through the gate.
        run: the run's name; empty if it is about none.
        round: of the run; None if it is about none.
        kind: of the exchange, or of the object that left.
        size: bytes of the object that left.
        sha256: of exactly these bytes.
        words: what it was.
        previous: SHA-256 of the line before, without its line feed.
    """

    number: Annotated[int, Field(ge=1)]
    time: AwareDatetime
    event: Event
    run: Annotated[str, Field(max_length=64)] = ""
    round: Annotated[int, Field(ge=0)] | None = None
    kind: Annotated[str, Field(max_length=40)] = ""
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Digest | None = None
    words: Annotated[str, Field(max_length=1000)] = ""
    previous: Digest

    def serialised(self) -> bytes:
        """Return the line as it stands in the file, without its line feed."""
        return self.model_dump_json().encode()


def digest(raw: bytes) -> str:
    """Return the hash by which the next line, or the head, holds on to a line."""
    return hashlib.sha256(raw).hexdigest()


def read_line(raw: bytes) -> Line | None:
    """Return the line in these bytes, or None if they are none."""
    try:
        return Line.model_validate_json(raw)
    except ValidationError:
        return None
