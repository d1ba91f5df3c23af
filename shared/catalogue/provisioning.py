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
    "FC507": Entry(
        "Roster not signed by this federation",
        "The roster was edited by hand, cut off, or comes from another federation.",
        "Restore roster.toml from where `fedchemo provision` wrote it last; change it with `fedchemo provision` only.",
    ),
    "FC508": Entry(
        "Roster older than one seen before",
        "An old roster.toml was put back, by a backup or by somebody who wants a revoked site in again.",
        "Put the newest roster.toml in place. If it is lost, remove roster-seen.toml, look at "
        "`fedchemo provision show`, and revoke again who was revoked since.",
    ),
    "FC509": Entry(
        "Secret that others may read",
        "A file with a private key or a passphrase is open to its group or to everybody, often after a copy.",
        "Set its mode to 0600 (`chmod 600 FILE`). If strangers could have read it, revoke it and make a new one.",
    ),
    "FC510": Entry(
        "Passphrase missing or wrong",
        "The key is encrypted, and its passphrase was not given, or another one was.",
        "Give it with --passphrase-file, in FEDCHEMO_PASSPHRASE, or run the command at a terminal and type it.",
    ),
    "FC511": Entry(
        "Passphrase not accepted",
        "A new passphrase is too short, or was not typed twice alike.",
        "Take at least 12 characters, for example four or five random words.",
    ),
    "FC512": Entry(
        "Signing request not usable",
        "The file is not a request, was cut off or changed on its way, or names something that is not allowed.",
        "Let the hospital run `fedchemo client request` again and send the file as it is.",
    ),
    "FC513": Entry(
        "Key already used",
        "The key belongs to another member, or was revoked; one key speaks for one site, and a revoked one for none.",
        "Let the hospital make a new key with `fedchemo client request`.",
    ),
    "FC514": Entry(
        "Not a member",
        "The site is not in the roster, or was revoked before.",
        "See `fedchemo provision show` for the members' names.",
    ),
    "FC515": Entry(
        "Federation folder in use",
        "Another `fedchemo provision` is changing the folder.",
        "Wait until it has ended, and try again.",
    ),
    "FC516": Entry(
        "Change of the federation not finished",
        "A `fedchemo provision` was interrupted, and this user may not write to the folder or the journal is damaged.",
        "Run `fedchemo provision show` as the user who owns the folder: it finishes the change.",
    ),
    "FC517": Entry(
        "Private key not usable",
        "The key's file is absent, damaged, or belongs to another certificate; the authority's may be kept offline.",
        "Name the file with --authority-key, or restore it from a backup.",
    ),
    "FC518": Entry(
        "Kit without its private key",
        "The kit holds no private key, and the one it was made for is not in this hospital's state folder.",
        "Use the machine and the --state with which `fedchemo client request` ran, or the first kit was used; "
        "else make a new request.",
    ),
    "FC519": Entry(
        "Site is a member already",
        "The roster has this name with a key; a second key under one name is not allowed.",
        "For a new key revoke the site first; for a new kit with the same key use `fedchemo provision renew`.",
    ),
    "FC520": Entry(
        "Kit of another authority",
        "This hospital has joined the federation under another authority: the federation was provisioned anew, "
        "or somebody is passing off another coordinator as this one.",
        "Ask the coordinator by telephone for the authority's fingerprint. If it is right, remove the file that the "
        "message names.",
    ),
}
