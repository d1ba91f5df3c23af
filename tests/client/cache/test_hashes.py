"""Hashes are those of the content; the memory only saves reading."""

import hashlib
import json
import os
import time

import pytest

from fedchemo.client.cache.hashes import ContentHashes

LONG_AGO_NS = 1_600_000_000_000_000_000


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "pre.nii.gz", b"content")


def write(path, content, mtime_ns=LONG_AGO_NS):
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def remember(index, *files):
    hashes = ContentHashes(index)
    found = [hashes.of(file) for file in files]
    hashes.save()
    return found


def test_a_hash_is_the_contents(tmp_path, file):
    assert remember(tmp_path / "index.json", file) == [sha(b"content")]


def test_an_unchanged_file_is_not_read_again(tmp_path, file):
    """Shown by a lie: content changed behind an unchanged size and time is not noticed."""
    remember(tmp_path / "index.json", file)
    write(file, b"CONTENT")
    assert remember(tmp_path / "index.json", file) == [sha(b"content")]


@pytest.mark.parametrize(
    ("content", "mtime_ns"), [(b"longer content", LONG_AGO_NS), (b"CONTENT", LONG_AGO_NS + 1)]
)
def test_another_size_or_time_is_read_again(tmp_path, file, content, mtime_ns):
    remember(tmp_path / "index.json", file)
    write(file, content, mtime_ns)
    assert remember(tmp_path / "index.json", file) == [sha(content)]


def test_a_file_changed_just_now_is_not_remembered(tmp_path, file):
    now = time.time_ns()
    write(file, b"content", now)
    remember(tmp_path / "index.json", file)
    write(file, b"CONTENT", now)
    assert remember(tmp_path / "index.json", file) == [sha(b"CONTENT")]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b'{"a": 3}', b'{"a": [1, 2]}', b'{"a": ["x", 2, 3]}', b"\xff\xfe"]
)
def test_a_damaged_memory_is_an_empty_one(tmp_path, file, damage):
    (tmp_path / "index.json").write_bytes(damage)
    assert remember(tmp_path / "index.json", file) == [sha(b"content")]
    assert list(json.loads((tmp_path / "index.json").read_text())) == [str(file)]


def test_two_processes_keep_what_both_learnt_and_drop_what_is_gone(tmp_path, file):
    index = tmp_path / "index.json"
    gone, other = write(tmp_path / "gone", b"1"), write(tmp_path / "other", b"2")
    remember(index, gone)
    first, second = ContentHashes(index), ContentHashes(index)
    first.of(file)
    second.of(other)
    gone.unlink()
    first.save()
    second.save()
    assert set(json.loads(index.read_text())) == {str(file), str(other)}
    assert index.stat().st_mode & 0o777 == 0o600
