"""The ledger for people."""

from __future__ import annotations

import csv
import datetime as dt
import io

from rich.console import Console

from fedchemo.client.ledger.line import START, Line
from fedchemo.client.ledger.table import as_csv, as_table, as_text, summary

LINES = [
    Line(number=1, time=dt.datetime(2024, 5, 1, 9, tzinfo=dt.UTC), event="started", previous=START),
    Line(
        number=2,
        time=dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC),
        event="sent",
        run="first",
        round=3,
        kind="ArrayChunk",
        size=3_500_000,
        sha256="a" * 64,
        words="piece 1 of 1 of the weights",
        previous=START,
    ),
    Line(
        number=3,
        time=dt.datetime(2024, 5, 1, 11, tzinfo=dt.UTC),
        event="refused",
        words='=HYPERLINK("http://x") \x1b[2J [red]x',
        previous=START,
    ),
]


def test_a_spreadsheet_gets_whole_hashes_and_no_formulas():
    rows = list(csv.DictReader(io.StringIO(as_csv(LINES))))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert (rows[1]["sha256"], rows[1]["size"], rows[1]["round"]) == ("a" * 64, "3500000", "3")
    assert rows[2]["words"].startswith("'=HYPERLINK")
    assert "\x1b" not in as_csv(LINES)


def test_plain_text_says_what_left():
    text = as_text(LINES)
    assert "LEFT THE HOSPITAL  (run first, round 3)" in text
    assert f"3500000 bytes, ArrayChunk, SHA-256 {'a' * 64}" in text
    assert "\x1b" not in text


def test_a_terminal_is_not_steered_by_what_others_wrote():
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(as_table(LINES))
    shown = console.export_text()
    assert "\x1b" not in shown
    assert "[red]x" in shown


def test_the_summary_counts_what_left():
    assert summary(LINES) == "3 lines; 1 objects (3.5 MB) left the hospital for 1 run(s): first"
