"""Checks a ledger: lines that were changed, removed, added or moved do not hold on to each other any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fedchemo.client.ledger.head import Head, read_head
from fedchemo.client.ledger.line import START, Line, digest, read_line
from fedchemo.shared.errors import FedchemoError

MOST_PROBLEMS = 20
"""Told at a time: one moved line breaks the chain three times, and a replaced file everywhere."""


@dataclass
class Findings:
    """What a check of the ledger found.

    Attributes:
        lines: whole lines that hold on to each other.
        last: SHA-256 of the last of them.
        tail: bytes after the last line feed: a line that a crash cut short.
        beyond: lines that the head record does not know of yet, as after a crash.
        torn: lines that a crash cut short and that a later line accounts for.
        problems: in words; empty if nothing was changed.
        known: hash of every line so far, to find one that was written down elsewhere.
    """

    lines: int = 0
    last: str = START
    tail: bytes = b""
    beyond: int = 0
    torn: int = 0
    problems: list[str] = field(default_factory=list)
    known: dict[int, str] = field(default_factory=dict, repr=False)

    def note(self, problem: str) -> None:
        """Add a problem, unless too many are known already."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a ledger that can be read, whether they hold on to each other or not.

    Raises:
        FedchemoError: FC942 if there is no ledger, FC940 if it cannot be read.
    """
    for raw in _content(path).split(b"\n"):
        line = read_line(raw)
        if line is not None:
            yield line


def verify(path: Path, head_path: Path) -> Findings:
    """Return what is found in the ledger at ``path`` with the head record at ``head_path``.

    Raises:
        FedchemoError: FC942 if there is neither, FC940 if they cannot be read.
    """
    try:
        # The head first: a client that writes meanwhile leaves it behind the ledger, never ahead.
        head = read_head(head_path)
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise FedchemoError("FC940", f"{error.filename}: {error.strerror}") from error
    if head is None and not content:
        raise FedchemoError("FC942", f"no ledger at {path}")
    findings = _chain(content)
    _against_head(findings, head)
    return findings


def _chain(content: bytes) -> Findings:
    """Follow the chain from the first line to the last."""
    found = Findings()
    *whole, found.tail = content.split(b"\n")
    for index, raw in enumerate(whole, start=1):
        if index < len(whole) and _accounted_for(raw, whole[index], found):
            found.torn += 1
            continue
        line = read_line(raw)
        if line is None:
            found.note(f"line {index} of the file is not a line of a ledger")
            continue
        if line.number != found.lines + 1 or line.previous != found.last:
            found.note(
                f"line {index} of the file (number {line.number}) does not follow number {found.lines}: one of "
                "them was changed, moved, added, or lines between them were removed"
            )
        # From here on against what stands there, so that one change is told once.
        found.lines, found.last = line.number, digest(raw)
        found.known[found.lines] = found.last
    return found


def _accounted_for(raw: bytes, following: bytes, found: Findings) -> bool:
    """Tell whether the line after it says that a crash cut this one short, and takes its place in the chain."""
    if b'"recovered"' not in following:
        return False
    line = read_line(following)
    return (
        line is not None
        and line.event == "recovered"
        and (line.number, line.previous) == (found.lines + 1, found.last)
        and (line.sha256, line.size) == (digest(raw), len(raw))
    )


def _against_head(found: Findings, head: Head | None) -> None:
    if head is None:
        found.note("the head record is missing or damaged")
    elif head.lines > found.lines:
        found.note(f"lines {found.lines + 1} to {head.lines} are missing at the end")
    elif head.lines and found.known.get(head.lines) != head.sha256:
        found.note(f"line number {head.lines} is not the one that the head record holds on to")
    else:
        found.beyond = found.lines - head.lines


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FedchemoError("FC942", f"no ledger at {path}") from None
    except OSError as error:
        raise FedchemoError("FC940", f"{path}: {error.strerror}") from error
