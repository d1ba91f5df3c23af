"""What the catalogue says about one error."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the catalogue."""

    title: str
    cause: str
    remedy: str
