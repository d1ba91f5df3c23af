"""The ledger: what is written stays, what is changed is found, and what cannot be written does not leave."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.ledger import Ledger
from fedchemo.client.ledger import writer as writing
from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.shared.errors import FedchemoError

SENT = {
    "event": "sent",
    "run": "r",
    "round": 1,
    "kind": "ArrayChunk",
    "size": 5,
    "sha256": hashlib.sha256(b"bytes").hexdigest(),
    "words": "piece 1 of 1",
}


class Place:
    """Where a ledger lies."""

    def __init__(self, folder):
        self.file, self.head = folder / "ledger" / "ledger.jsonl", folder / "ledger.head"

    def open(self):
        return closing(Ledger(self.file, self.head))

    def verify(self):
        return verify(self.file, self.head)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def filled(place):
    with place.open() as ledger:
        ledger.append("started", words="now")
        ledger.extend([{**SENT, "round": number} for number in range(5)])
        ledger.append("stopped")
    return place


def test_lines_are_read_back_and_hold_on_to_each_other(filled):
    found = filled.verify()
    assert (found.lines, found.problems, found.beyond, found.torn) == (7, [], 0, 0)
    lines = list(read_lines(filled.file))
    assert [line.event for line in lines] == ["started", *["sent"] * 5, "stopped"]
    assert lines[1].sha256 == SENT["sha256"]
    assert [line.number for line in lines] == list(range(1, 8))


def test_the_ledger_goes_on_where_it_ended(filled):
    with filled.open() as ledger:
        assert ledger.end.lines == 7
        ledger.append("started")
    assert filled.verify().lines == 8
    assert not filled.verify().problems


def test_files_are_private(filled):
    assert filled.file.stat().st_mode & 0o777 == 0o600
    assert filled.head.stat().st_mode & 0o777 == 0o600
    assert filled.file.parent.stat().st_mode & 0o777 == 0o700


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_change_of_the_file_is_found(filled, data):
    """Change, deletion, repetition and reordering of lines, truncation anywhere, and bytes put in anywhere."""
    original = filled.file.read_bytes()
    lines = original.splitlines(keepends=True)
    match data.draw(st.sampled_from(["change", "delete", "repeat", "swap", "truncate", "insert"])):
        case "change":
            place, value = data.draw(st.integers(0, len(original) - 1)), data.draw(st.integers(0, 255))
            changed = original[:place] + bytes([value]) + original[place + 1 :]
        case "delete":
            first = data.draw(st.integers(0, len(lines) - 1))
            last = data.draw(st.integers(first + 1, len(lines)))
            changed = b"".join(lines[:first] + lines[last:])
        case "repeat":
            index = data.draw(st.integers(0, len(lines) - 1))
            changed = b"".join([*lines[: index + 1], lines[index], *lines[index + 1 :]])
        case "swap":
            order = data.draw(st.permutations(range(len(lines))))
            changed = b"".join(lines[index] for index in order)
        case "truncate":
            changed = original[: data.draw(st.integers(0, len(original) - 1))]
        case _:
            place = data.draw(st.integers(0, len(original) - 1))
            changed = original[:place] + data.draw(st.binary(min_size=1, max_size=40)) + original[place:]
    try:
        filled.file.write_bytes(changed)
        if changed != original:
            assert filled.verify().problems
            with pytest.raises(FedchemoError, match="FC941"):
                filled.open()
    finally:
        filled.file.write_bytes(original)
    assert not filled.verify().problems


def test_a_rewritten_ledger_is_found_by_its_head(filled, tmp_path):
    """Whoever rewrites the whole chain must also rewrite the head, which lies elsewhere."""
    other = Place(tmp_path / "other")
    other.head.parent.mkdir()
    with other.open() as ledger:
        ledger.extend([{**SENT, "words": "something else"}] * 7)
    shutil.copy(other.file, filled.file)
    assert any("head record" in problem for problem in filled.verify().problems)


@pytest.mark.parametrize("lost", ["file", "head", "folder"])
def test_a_lost_part_is_found(filled, lost):
    if lost == "folder":
        shutil.rmtree(filled.file.parent)
    else:
        getattr(filled, lost).unlink()
    with pytest.raises(FedchemoError, match="FC941"):
        filled.open()


@pytest.mark.parametrize("cut", [1, 40, None])
def test_a_line_cut_short_by_a_crash_is_told_from_a_change_and_the_ledger_goes_on(filled, cut):
    """A torn line was never in the head record; it stays where it is, and a line after it accounts for it."""
    with filled.open() as ledger:
        next_line = _next_line(ledger)
    before = filled.file.read_bytes()
    filled.file.write_bytes(before + next_line[:cut])
    found = filled.verify()
    assert not found.problems
    assert found.tail == next_line[:cut]

    with filled.open() as ledger:
        ledger.append("started")
    assert filled.file.read_bytes().startswith(before + next_line[:cut] + b"\n")
    found = filled.verify()
    assert (found.problems, found.torn, found.lines) == ([], 1, 9)
    assert [line.event for line in read_lines(filled.file)][-2:] == ["recovered", "started"]
    # Still an ordinary ledger, in which changes are found.
    changed = filled.file.read_bytes().replace(b"recovered", b"refused", 1)
    filled.file.write_bytes(changed)
    assert filled.verify().problems


def _next_line(ledger):
    """Return what the next line would be, without its line feed."""
    from fedchemo.client.ledger.line import Line

    return Line(
        number=ledger.end.lines + 1, time="2024-01-01T00:00:00Z", previous=ledger.end.sha256, **SENT
    ).serialised()


def test_a_crash_between_ledger_and_head_is_recovered(filled):
    old = filled.head.read_bytes()
    with filled.open() as ledger:
        ledger.extend([SENT, SENT])
    filled.head.write_bytes(old)
    assert filled.verify().beyond == 2
    assert not filled.verify().problems
    with filled.open():
        pass
    found = filled.verify()
    assert (found.problems, found.lines, found.beyond) == ([], 10, 0)
    assert list(read_lines(filled.file))[-1].event == "recovered"


def test_a_full_disk_lets_nothing_pass_then_or_later(place, monkeypatch):
    with place.open() as ledger:
        ledger.append("started")

        def full(handle, content):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(writing.os, "write", full)
            with pytest.raises(FedchemoError, match=r"FC940.*No space"):
                ledger.append(**SENT)
        assert ledger.broken
        with pytest.raises(FedchemoError, match="FC940"):
            ledger.append(**SENT)
    assert place.verify().lines == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from fedchemo.client.ledger import Ledger
from fedchemo.shared.errors import FedchemoError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk, after a part
ledger = Ledger(Path(sys.argv[1]), Path(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for number in range(1000):
    try:
        ledger.append("sent", words="x" * 100)
    except FedchemoError as error:
        print(number, error.code, ledger.broken)
        break
"""


def test_a_disk_that_fills_up_in_the_middle_of_a_line(place):
    done = subprocess.run(
        [sys.executable, "-c", FULL, place.file, place.head],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    number, code, broken = done.stdout.split()
    assert (code, broken) == ("FC940", "True")
    found = place.verify()
    assert (found.problems, found.lines) == ([], int(number))
    assert found.tail, "the part that still found room"
    with place.open():
        pass
    assert not place.verify().problems


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(FedchemoError, match="FC940"):
        Place(tmp_path).open()


def test_no_ledger(place):
    with pytest.raises(FedchemoError, match="FC942"):
        place.verify()
    with pytest.raises(FedchemoError, match="FC942"):
        list(read_lines(place.file))
