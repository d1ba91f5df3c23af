"""A change of a folder is whole, one at a time, and finished by whoever comes next."""

from __future__ import annotations

import json
import stat
import threading

import pytest

from fedchemo.shared import folder_change
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.folder_change import FolderChange, changing, finish_change


def interrupted(folder, **files: bytes) -> None:
    """Leave a folder as a crash does right after a change was decided."""
    change = FolderChange(folder)
    for name, content in files.items():
        change.write(folder / "sub" / name, content, mode=0o600)
    change.remove(folder / "old")
    (folder / ".change").write_bytes(change.journal())


def test_a_change_writes_and_removes_together(tmp_path):
    (tmp_path / "old").write_text("old")
    with changing(tmp_path) as change:
        change.write(tmp_path / "sub" / "new", b"new", mode=0o600)
        change.remove(tmp_path / "old")
        change.remove(tmp_path / "never there")
        assert (tmp_path / "old").exists()
    assert (tmp_path / "sub" / "new").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "sub" / "new").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "sub").stat().st_mode) == 0o700
    assert not (tmp_path / "old").exists()
    assert not (tmp_path / ".change").exists()


def test_an_exception_drops_the_change(tmp_path):
    def stopped() -> None:
        with changing(tmp_path) as change:
            change.write(tmp_path / "new", b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_whoever_comes_next_finishes_a_change(tmp_path):
    (tmp_path / "old").write_text("old")
    interrupted(tmp_path, a=b"1", b=b"2")
    finish_change(tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "sub").iterdir()} == {"a": b"1", "b": b"2"}
    assert not (tmp_path / "old").exists()
    interrupted(tmp_path, a=b"3")
    with changing(tmp_path):
        assert (tmp_path / "sub" / "a").read_bytes() == b"3"


@pytest.mark.parametrize(
    "journal",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps({"write": {"../x": ["", 384]}, "remove": []}).encode(),
        json.dumps({"write": {}, "remove": ["/etc/passwd"]}).encode(),
        json.dumps({"write": {"x": ["!", 384]}, "remove": []}).encode(),
    ],
)
def test_a_journal_that_makes_no_sense_is_not_followed(tmp_path, journal):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / ".change").write_bytes(journal)
    with pytest.raises(FedchemoError, match="FC516"):
        finish_change(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_second_command_waits_and_then_says_who_is_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_change, "LONGEST_WAIT_S", 0.05)
    found: list[str] = []

    def second() -> None:
        with pytest.raises(FedchemoError) as caught, changing(tmp_path):
            pass
        found.append(caught.value.code)

    with changing(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert found == ["FC515"]
    with changing(tmp_path):
        pass


def test_a_reader_who_may_not_write_says_what_is_to_be_done(tmp_path, monkeypatch):
    interrupted(tmp_path, a=b"1")

    def read_only(path, content, *, mode):
        raise FedchemoError("FC004", f"{path}: Read-only file system")

    monkeypatch.setattr(folder_change, "write_bytes", read_only)
    with pytest.raises(FedchemoError, match="FC516"):
        finish_change(tmp_path)
