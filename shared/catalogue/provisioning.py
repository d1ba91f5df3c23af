"""Errors FC5xx: kits and certificates."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC501": Entry(
        "Kit not usable",
        "The file is not a kit, was cut off or changed on its way, or parts of two kits were mixed.",
        "Ask the coordinator for the kit again and copy it as a file, not as text in a mail.",
    ),
    "FC502": Entry(
        "Kit out of date",
        "The kit's dates have passed or have not begun, or this machine's clock is wrong.",
        "Check the clock; else ask the coordinator for a new kit.",
    ),
    "FC503": Entry(
        "Not a federation folder",
        "The folder was not made by `fedchemo provision`, or files in it are missing or damaged.",
        "Name the folder given as --out to `fedchemo provision`, or restore it from a backup.",
    ),
    "FC504": Entry(
        "Server certificate not usable",
        "The coordinator's certificate or key is missing, damaged, out of date, or not from this federation.",
        "Restore the folder server/ of the federation, or issue a new server certificate.",
    ),
    "FC505": Entry(
        "Federation cannot be provisioned as asked",
        "A name, host or number is not allowed, or is given twice.",
        "Correct what the message lists. Names take letters, digits, '.', '_' and '-', at most 64.",
    ),
    "FC506": Entry(
        "Format of another release",
        "The kit or the federation folder was written by a release of fedchemo with another file format.",
        "Install the release that wrote it, or provision the federation anew.",
    ),
}
