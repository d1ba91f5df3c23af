"""Text files with separated columns: which encoding, which separator, and which rows are broken."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, error, warning

# Where two cut a table equally well, commas are the likelier to belong to the cells.
_DELIMITERS = ("\t", ";", "|", ",")
# What Excel and R write in Europe and America, in Eastern Europe, Cyrillic, Greek, Turkish and East Asia, in this
# order of preference: short tables of digits fit them all.
_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "euc_kr", "big5")
_SAMPLE = 200
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_SAVE = "Save it as 'CSV UTF-8'"


def read_delimited(path: Path) -> tuple[tuple[tuple[str, ...], ...], list[Problem]]:
    """Read a text file as rows of cells; rows are counted as a spreadsheet counts them.

    Returns:
        The rows as they are, of unequal length where the file is broken; and what is wrong: FC132 (no table, a
        quotation mark that is never closed), FC133 (a warning: another encoding than UTF-8).
    """
    try:
        content = path.read_bytes()
    except OSError as wrong:
        return (), [
            error("FC130", path, f"cannot be read: {wrong.strerror}", "Check the path and its rights")
        ]
    text, problems = _decode(path, content)
    if text is None:
        return (), problems
    text = text.replace("\0", "")
    skipped = 0
    if said := _SEP.match(text):
        delimiter, text, skipped = said[1], text[said.end() :], 1
    else:
        delimiter = _delimiter(text)
    rows: list[tuple[str, ...]] = [()] * skipped
    try:
        rows.extend(
            tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        )
    except csv.Error as wrong:
        what = f"is not a table of separated columns: {wrong}"
        return (), [
            *problems,
            error("FC132", path, what, f"{_SAVE}, and look at the quotes", row=len(rows) + 1),
        ]
    for number, row in enumerate(rows, start=1):
        # Duke's header holds line breaks; a cell with a break and whole rows in it lost its closing quote.
        if any(cell.count("\n") > 1 and cell.count(delimiter) > 1 for cell in row):
            what = "has a cell that swallowed other rows: a quotation mark is not closed"
            problems.append(error("FC132", path, what, f"Close it, or {_SAVE.lower()} again", row=number))
    if any(problem.severity == "error" for problem in problems):
        return (), problems
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        return (), [*problems, error("FC130", path, "has no rows", "Export the table again")]
    return tuple(rows), problems


def _decode(path: Path, content: bytes) -> tuple[str | None, list[Problem]]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding), []
            except UnicodeDecodeError:
                return None, [error("FC132", path, f"begins as {encoding} and is not", _SAVE)]
    if content[:4000].count(0) > len(content[:4000]) // 5:
        for encoding in ("utf-16-le", "utf-16-be"):
            try:
                wide = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if sum(letter.isascii() for letter in wide[:2000]) > 0.8 * len(wide[:2000]):
                return wide, []
        return None, [error("FC130", path, "is no table: it is binary", "Name a CSV, Excel or Parquet file")]
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError as wrong:
        row = content[: wrong.start].count(b"\n") + 1
    guessed = _encoding(content)
    if guessed is None:
        return None, [error("FC130", path, "is no text in any encoding that we know", _SAVE)]
    what = f"is not UTF-8; it is read as {guessed}"
    problem = warning("FC133", path, what, f"Check accents and umlauts. {_SAVE}", row=row)
    return content.decode(guessed), [problem]


def _encoding(content: bytes) -> str | None:
    from charset_normalizer import from_bytes

    control = sum(byte < 9 or 13 < byte < 32 for byte in content[:4000])
    if control > len(content[:4000]) // 50:
        return None
    fits = []
    for encoding in _ENCODINGS:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        fits.append(encoding)
    if not fits:
        return None
    best = from_bytes(content, cp_isolation=fits).best()
    # charset-normalizer prefers the rarer of two that fit; a Western one is likelier unless its text is chaos.
    western = from_bytes(content, cp_isolation=["cp1252"]).best() if "cp1252" in fits else None
    if western is not None and (best is None or western.chaos <= best.chaos + 0.02):
        return "cp1252"
    return best.encoding if best is not None else fits[0]


def _delimiter(text: str) -> str:
    """Return the separator that cuts the most rows into the same number of columns, the more columns the better."""
    lines = text.splitlines(keepends=True)[:_SAMPLE]
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in _DELIMITERS:
        widths: Counter[int] = Counter()
        try:
            for row in csv.reader(lines, delimiter=delimiter):
                if any(row):
                    widths[len(row)] += 1
        except csv.Error:
            continue
        if widths:
            width, count = widths.most_common(1)[0]
            scores[delimiter] = (count / widths.total() if width > 1 else 0.0, width)
    return max(scores, key=lambda mark: scores[mark]) if any(share for share, _ in scores.values()) else ","
