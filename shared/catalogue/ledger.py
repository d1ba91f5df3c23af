"""Errors FC940-949: the ledger."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC940": Entry(
        "Ledger cannot be written",
        "The disk is full, the state folder cannot be written, or the ledger is damaged. Nothing leaves the hospital "
        "that is not written down first, so the client stops.",
        "Make room or mend the folder, then start the client again.",
    ),
    "FC941": Entry(
        "Ledger was changed",
        "Lines were changed, removed, added or moved, or the record of the ledger's end is missing.",
        "Ask who touched the state folder. To go on, move the folder `ledger` and the file `ledger.head` together to a "
        "safe place and start the client again: it begins a new ledger.",
    ),
    "FC942": Entry(
        "No ledger",
        "No client has run with this state folder yet, or the folder is another one.",
        "Name the state folder with --state, or the kit with --kit.",
    ),
}
