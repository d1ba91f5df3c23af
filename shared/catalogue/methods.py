"""Errors FC650-659: what a method leaves at a site."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC650": Entry(
        "Too many models of this hospital's own",
        "Runs with fedbn, ditto or fine-tuning leave a model at the hospital, in `methods/personal` of its state "
        "folder, and the folder is full. Nothing is removed by itself, for the hospital may be using any of them.",
        "Remove those that are not needed, each a folder with a run's name. The run itself is not harmed: its global "
        "model is at the coordinator.",
    ),
}
"""Code -> entry."""
