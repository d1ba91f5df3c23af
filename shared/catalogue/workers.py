"""Errors FC63x: the process in which a hospital's client works on patients."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC630": Entry(
        "Training process died",
        "The process in which the site trains crashed or was killed; the client itself goes on.",
        "Nothing to do for the run: the next request gets a new process. If it happens again, look at the site's "
        "screen and at the system's log: a driver, a library or faulty memory.",
    ),
    "FC631": Entry(
        "Training process hung",
        "The process in which the site trains made no progress for too long and was ended.",
        "Look for a disk or network share that does not answer, or a device that is stuck. If single steps truly take "
        "so long, start the client with a larger --watchdog.",
    ),
    "FC632": Entry(
        "Training process ended for its memory",
        "The system ended the process in which the site trains because memory ran out, even with the smallest batches.",
        "End other programs, give the machine or container more memory, or lower imaging.grid or model.widths.",
    ),
    "FC633": Entry(
        "Training process keeps dying",
        "It died several times in a row; the client waits before it starts it again, so as not to load the machine.",
        "See at the site which error came before; the client tries again by itself.",
    ),
    "FC634": Entry(
        "No client to pause",
        "No client runs with this state folder, or it runs as another user.",
        "Name the client's state folder with --state or --kit, and give the command as the client's user.",
    ),
}
