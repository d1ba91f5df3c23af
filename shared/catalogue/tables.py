"""Errors FC130-149: reading a hospital's tables."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {}
