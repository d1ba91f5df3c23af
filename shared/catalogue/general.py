"""Errors FC0xx: commands and files."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC001": Entry(
        "Wrong use of a command",
        "An option is unknown, missing, or does not fit another one.",
        "Read the command's --help; the message names the option.",
    ),
    "FC002": Entry(
        "File or folder not found",
        "The path is misspelt, or the disk or share that holds it is not mounted.",
        "Check the path named in the message; relative paths start at the current folder.",
    ),
    "FC003": Entry(
        "Output exists already",
        "A folder or file of that name is there and would be overwritten.",
        "Choose another --out, remove it, or pass --overwrite where the command offers it.",
    ),
    "FC004": Entry(
        "File cannot be read or written",
        "The disk is full or read-only, or the user lacks the permission.",
        "Free space or fix the permission of the path named in the message, then run the command again.",
    ),
    "FC005": Entry(
        "Unknown error code",
        "The catalogue of this version holds no such code.",
        "Check the spelling; `fedchemo explain-error --all` lists every code.",
    ),
    "FC099": Entry(
        "Internal error",
        "fedchemo met a condition its authors did not foresee.",
        "Run the command again with FEDCHEMO_DEBUG=1 to see the traceback, and report it without patient data.",
    ),
}
