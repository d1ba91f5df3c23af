"""One proposed mapping: its variables, and how it is written as ``columns.toml``."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fedchemo.client.importing.tables import cells
from fedchemo.client.importing.tables.header import Table

_FEW = 12


@dataclass(frozen=True)
class Proposal:
    """One variable of a proposal.

    Attributes:
        visit: None if it is of the patient, ``*`` if a column names the visit.
        variable: ours.
        settings: as in ``columns.toml``.
        reason: why, in words.
        unsure: what a person must look at; empty if nothing.
        unknown: codes whose meaning is not known -> in how many rows.
    """

    visit: str | None
    variable: str
    settings: dict[str, Any]
    reason: str
    unsure: str = ""
    unknown: dict[str, int] = field(default_factory=dict)


def column_of(table: Table, place: int) -> list[str]:
    """Return the tidied cells of a column that are not missing."""
    found = [cells.tidy(row[place]) for _, row in table.rows]
    return [cell for cell in found if not cells.is_missing(cell)]


def content(table: Table, identifier: int, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """Return the mapping that proposals make, as `TableMapping` takes it."""
    whole: dict[str, Any] = {
        "title": f"Proposal for {table.file.name}",
        "header": [table.header],
        "identifier": {"column": table.names[identifier][-1], **_joining(table, identifier)},
    }
    if table.sheet:
        whole["sheet"] = table.sheet
    for proposal in proposals:
        if proposal.variable == "visit":
            whole["visit"] = proposal.settings
        elif proposal.visit == "*":
            whole.setdefault("measured", {})[proposal.variable] = proposal.settings
        elif proposal.visit is not None:
            visits = whole.setdefault("visits", {})
            visits.setdefault(proposal.visit, {})[proposal.variable] = proposal.settings
        else:
            whole.setdefault("clinical", {})[proposal.variable] = proposal.settings
    return whole


def _joining(table: Table, identifier: int) -> dict[str, Any]:
    """Return exact, or zero-padded where numbers of different length say that zeros were lost."""
    found = [re.sub(r"\.0+$", "", cell) for cell in column_of(table, identifier)]
    lengths = Counter(len(cell) for cell in found)
    if len(lengths) > 1 and all(cell.isascii() and cell.isdigit() for cell in found):
        longest = max(lengths)
        # Of numbers with n digits one in ten lost a zero; a count from 1 upwards looks otherwise.
        if longest >= 5 and lengths[longest] > len(found) / 2:
            return {"join": "zero-padded", "digits": longest}
    return {"join": "exact"}


def as_toml(table: Table, identifier: int, proposals: Sequence[Proposal]) -> str:
    """Return it as the text of a ``columns.toml``, with what is unsure in comments."""
    whole = content(table, identifier, proposals)
    lines = [
        "# Proposed from the table's names and values. Read it, correct it, then pass it with --columns.",
        f"title = {_toml(whole['title'])}",
        *([f"sheet = {_toml(whole['sheet'])}"] if "sheet" in whole else []),
        f"header = {table.header}",
        'missing = []  # what means missing beyond empty, NA and the like, such as ["-1", "999"]',
        "",
        "[identifier]",
        *(f"{key} = {_toml(value)}" for key, value in whole["identifier"].items()),
        "# Images and other tables are joined by it: exact, last-digits, pattern or zero-padded.",
    ]
    sections: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        if proposal.variable != "visit":
            name = {None: "clinical", "*": "measured"}.get(proposal.visit, f"visits.{proposal.visit}")
            sections.setdefault(name, []).append(proposal)
    for proposal in (p for p in proposals if p.variable == "visit"):
        lines += ["", "[visit]", *_comments(proposal)]
        lines += [f"{key} = {_toml(value)}" for key, value in proposal.settings.items()]
    for name, members in sorted(sections.items()):
        lines += ["", f"[{name}]"]
        for proposal in members:
            lines += [*_comments(proposal), f"{proposal.variable} = {_toml(proposal.settings)}"]
    return "\n".join(lines) + "\n"


def _comments(proposal: Proposal) -> list[str]:
    comments = [f"# Unsure: {proposal.unsure}"] if proposal.unsure else []
    return comments + [
        f"#   codes: {_toml(word)} = ?  ({count} rows)"
        for word, count in list(proposal.unknown.items())[:_FEW]
    ]


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A basic string of TOML is a string of JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)
