"""Errors FC4xx: rounds and run folders."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC401": Entry(
        "Quorum not reached",
        "Fewer sites answered than the run requires before its deadline.",
        "See in events.jsonl which sites were missing and why; bring them back or lower --quorum.",
    ),
    "FC402": Entry(
        "No site can train",
        "Every site refused, or has fewer patients than its minimum.",
        "See the refusals listed in the message; add sites or patients.",
    ),
    "FC403": Entry(
        "Sum out of range",
        "A weight times the number of patients is too large for the exact accumulator: training has diverged.",
        "Lower the learning rate or clip updates.",
    ),
    "FC404": Entry(
        "Run folder not usable",
        "The folder holds no run, or its files are damaged.",
        "Name the folder given as --out to `fedchemo simulate` or `fedchemo server start`.",
    ),
}
