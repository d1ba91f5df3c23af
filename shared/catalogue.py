"""Every error a user may see: its code, the likely cause and what to do. One table, read by people too.

Ranges: 0 commands and files, 1 site folders, 2 images, 3 configuration, model and wire, 4 rounds and run
folders, 5 kits and certificates, 6 network, 7 data sets and simulation, 8 evaluation, 9 a hospital's refusal.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the catalogue."""

    title: str
    cause: str
    remedy: str


CATALOGUE: dict[str, Entry] = {
    # 0: commands and files
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
    # 3: configuration, model and wire
    "FC301": Entry(
        "Configuration not valid",
        "A setting is unknown, of the wrong type, or out of its range.",
        "Correct the settings named in the message; ranges stand in shared/configuration.py.",
    ),
    "FC302": Entry(
        "Fingerprints differ",
        "The coordinator and this site would build different models, image tensors or clinical encodings.",
        "Install the same fedchemo release on both sides, or use the model with the configuration it was trained with.",
    ),
    "FC303": Entry(
        "Protocol versions differ",
        "The coordinator and this site run releases of fedchemo that do not speak the same protocol.",
        "Upgrade the older side; the message names both versions.",
    ),
    "FC304": Entry(
        "Message not understood",
        "A message carries an unknown key, a value out of range, or lacks a key.",
        "Check that both sides run the same release; if they do, treat the sender as faulty.",
    ),
    "FC305": Entry(
        "Weights not usable",
        "The weights have the wrong length or type, or hold a value that is not finite.",
        "Lower the learning rate if training diverged; otherwise treat the sender as faulty.",
    ),
    "FC306": Entry(
        "Model file not usable",
        "The file is damaged, incomplete, or was written by another version.",
        "Name a run folder that holds model.safetensors and model.json, or copy them anew.",
    ),
    "FC310": Entry(
        "Device not available",
        "The device asked for is not on this machine or its driver does not work.",
        "Use --device auto or cpu, or fix the driver; the message holds the reason.",
    ),
    # 4: rounds and run folders
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
    # 9: a hospital's refusal
    "FC901": Entry(
        "Too few patients",
        "This site has fewer patients than its policy demands before anything may leave.",
        "Nothing to do at the coordinator; the site takes part in evaluation only.",
    ),
    "FC902": Entry(
        "Outbound gate refused",
        "A reply held something that the allow-list does not name, or a value that is not finite.",
        "Report it: the site's software tried to send more than it may.",
    ),
    "FC903": Entry(
        "Request refused by the site's policy",
        "The site's policy does not allow what the coordinator asks.",
        "Ask the site's data officer; the coordinator cannot overrule the policy.",
    ),
    "FC990": Entry(
        "Failure inside a site",
        "The site's software failed; details are in the site's own log only.",
        "Ask the site's engineer to read the log; the run goes on with the other sites.",
    ),
}
