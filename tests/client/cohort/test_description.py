from __future__ import annotations

import pytest

from fedchemo.client.cohort.description import read_description


def read(tmp_path, content: bytes):
    (tmp_path / "site.toml").write_bytes(content)
    return read_description(tmp_path / "site.toml")


def test_a_description_is_read(tmp_path):
    description, problems = read(tmp_path, 'name = "AAI"\ndataset = "ispy2"\nnotes = "Köln"\n'.encode())
    assert problems == []
    assert (description.name, description.dataset, description.notes) == ("AAI", "ispy2", "Köln")


def test_notes_may_be_absent_and_a_byte_order_mark_there(tmp_path):
    description, _ = read(tmp_path, b'\xef\xbb\xbfname = "AAI"\ndataset = "ispy2"\n')
    assert description.notes == ""


def test_every_wrong_key_is_told(tmp_path):
    description, problems = read(tmp_path, b'name = "a b"\nnotes = 3\nsite = "AAI"\n')
    assert description is None
    assert {problem.column for problem in problems} == {"name", "dataset", "notes", "site"}
    assert {problem.code for problem in problems} == {"FC103"}


@pytest.mark.parametrize("content", [b"name = AAI", b"\xff\xfe", b"["])
def test_what_is_no_toml_is_told(tmp_path, content):
    description, problems = read(tmp_path, content)
    assert description is None
    assert [problem.code for problem in problems] == ["FC103"]
