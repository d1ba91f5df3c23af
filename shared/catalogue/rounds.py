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
    "FC406": Entry(
        "Checkpoint damaged",
        "A file in the run folder's rounds/ was changed or cut short after it was written, or is gone.",
        "Resume the run: it goes on from the newest checkpoint that is whole, or from its beginning.",
    ),
    "FC407": Entry(
        "Run was begun with other versions",
        "fedchemo or a library that decides the bits of a model was upgraded since the run began.",
        "Install the versions named in the message, or pass --force: the run is then marked as not reproducible.",
    ),
    "FC408": Entry(
        "Run folder belongs to other settings",
        "federation.toml was edited after the run began, files of two runs were mixed, or this release would build "
        "another model.",
        "Restore the file, or start a new run with `--config federation.toml`.",
    ),
    "FC409": Entry(
        "Run folder in use",
        "Another process is writing this run: it has not ended.",
        "Wait for it or end it; nothing needs to be resumed while it runs.",
    ),
    "FC410": Entry(
        "Run was begun by another command",
        "A simulated run and a networked one find their sites in different ways.",
        "Use `fedchemo server resume RUN` for `fedchemo server start`, and `fedchemo simulate --resume RUN` for "
        "`fedchemo simulate`.",
    ),
    "FC440": Entry(
        "Coordinator begun anew",
        "The coordinator was started again since this site joined, or has taken the site off its roster.",
        "Nothing: the client joins again by itself within a minute. If it cannot, ask for a new kit.",
    ),
}
