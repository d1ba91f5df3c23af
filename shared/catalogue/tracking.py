"""Errors FC79x: tracking."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC790": Entry(
        "Tracking is not installed",
        "`--mlflow` and `--tensorboard` need packages that fedchemo does not install by itself.",
        "Run `pip install fedchemo[tracking]`, or leave the option out: events.jsonl holds all that would be logged.",
    ),
    "FC791": Entry(
        "Cannot log there",
        "The tracking server does not answer or refuses, or the folder cannot be written.",
        "Correct the URI or folder named in the message; a data base such as sqlite:///... needs the whole of MLflow, "
        "`pip install mlflow`.",
    ),
}
