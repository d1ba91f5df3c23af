"""Errors FC160-179: what validation finds in a site folder."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {}
