"""The ledger for people: a table on the terminal, CSV for a spreadsheet, plain text for a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fedchemo.client.ledger.line import Line

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("number", "time", "event", "run", "round", "kind", "size", "sha256", "words")
WORDS = {
    "started": "client started",
    "joined": "joined the federation",
    "asked": "asked whether to take part",
    "approved": "run approved",
    "denied": "run denied",
    "refused": "request refused",
    "failed": "request failed",
    "clipped": "update cut to size",
    "suppressed": "withheld by the gate",
    "sent": "LEFT THE HOSPITAL",
    "run_ended": "run ended",
    "recovered": "ledger recovered",
    "stopped": "client stopped",
}


def shown(text: str) -> str:
    """Return text without anything that could steer a terminal or a spreadsheet."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def as_table(lines: Iterable[Line]) -> Table:
    """Return a table for the terminal, a row a line, times in the local zone."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="bold")
    for heading in ("no", "time", "what happened", "run", "round", "bytes", "SHA-256", "in words"):
        table.add_column(heading, justify="right" if heading in {"no", "round", "bytes"} else "left")
    for line in lines:
        table.add_row(
            str(line.number),
            f"{line.time.astimezone():%Y-%m-%d %H:%M:%S}",
            WORDS[line.event],
            escape(shown(line.run)),
            "" if line.round is None else str(line.round),
            "" if line.size is None else f"{line.size}",
            "" if line.sha256 is None else f"{line.sha256[:12]}…",
            escape(shown(line.words)),
        )
    return table


def as_csv(lines: Iterable[Line]) -> str:
    """Return the lines as CSV with a header, whole hashes and times in UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([_cell(value) for value in _values(line)])
    return out.getvalue()


def as_text(lines: Iterable[Line]) -> str:
    """Return the lines as plain text, a paragraph a line."""
    return "".join(_paragraph(line) for line in lines)


def summary(lines: Sequence[Line]) -> str:
    """Return in one sentence what the lines hold."""
    sent = [line for line in lines if line.event == "sent"]
    size = sum(line.size or 0 for line in sent)
    runs = sorted({line.run for line in sent if line.run})
    named = f" for {len(runs)} run(s): {', '.join(runs)}" if runs else ""
    return shown(f"{len(lines)} lines; {len(sent)} objects ({size / 1e6:.1f} MB) left the hospital{named}")


def _values(line: Line) -> list[str]:
    fields = line.model_dump(mode="json")
    return ["" if fields[name] is None else str(fields[name]) for name in COLUMNS]


def _cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    clean = shown(text)
    return f"'{clean}" if clean[:1] in {"=", "+", "-", "@"} else clean


def _paragraph(line: Line) -> str:
    about = [f"run {line.run}"] if line.run else []
    about += [f"round {line.round}"] if line.round is not None else []
    title = f"{line.number}. {line.time:%Y-%m-%d %H:%M:%S} UTC  {WORDS[line.event]}"
    rows = [f"{title}  ({', '.join(about)})" if about else title]
    rows += [f"    {line.words}"] if line.words else []
    if line.event == "sent":
        rows += [f"    {line.size} bytes, {line.kind}, SHA-256 {line.sha256}"]
    return "\n".join(shown(row) for row in rows) + "\n"
