"""Pseudonyms are stable, say nothing, and their key never leaves its owner."""

from __future__ import annotations

import csv
import hashlib
import hmac
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.importing.deidentification import pseudonyms as module
from fedchemo.client.importing.deidentification.crosswalk import write_crosswalk
from fedchemo.client.importing.deidentification.pseudonyms import KEY_FILE, Pseudonyms, read_key
from fedchemo.shared.clinical.schema import IDENTIFIER
from fedchemo.shared.errors import FedchemoError

KEY = bytes(range(32))
IDENTIFIERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@given(IDENTIFIERS)
def test_a_pseudonym_is_a_valid_patient_id_that_depends_on_key_and_identifier_only(identifier: str) -> None:
    pseudonym = Pseudonyms(KEY).of(identifier)
    assert re.fullmatch(IDENTIFIER, pseudonym)
    assert Pseudonyms(KEY).of(identifier) == pseudonym
    assert Pseudonyms(bytes(32)).of(identifier) != pseudonym


def test_it_is_hmac_sha256() -> None:
    import base64

    digest = hmac.new(KEY, b"ISPY2-102212", hashlib.sha256).digest()
    assert Pseudonyms(KEY).of("ISPY2-102212") == f"P-{base64.b32encode(digest).decode()[:16]}"


@given(st.sets(IDENTIFIERS, max_size=30))
def test_different_identifiers_have_different_pseudonyms(identifiers: set[str]) -> None:
    pseudonyms = Pseudonyms(KEY)
    assert len({pseudonyms.of(identifier) for identifier in identifiers}) == len(identifiers)
    assert set(pseudonyms.given()) == identifiers


def test_a_collision_is_refused_and_nobody_is_named(monkeypatch) -> None:
    monkeypatch.setattr(module, "_LETTERS", 0)
    pseudonyms = Pseudonyms(KEY)
    pseudonyms.of("JANE")
    pseudonyms.of("JANE")
    with pytest.raises(FedchemoError) as caught:
        pseudonyms.of("MARY")
    assert caught.value.code == "FC151"
    assert "JANE" not in str(caught.value)
    assert "MARY" not in str(caught.value)


def test_neither_key_nor_identifiers_are_printed() -> None:
    pseudonyms = Pseudonyms(KEY)
    pseudonyms.of("JANE")
    assert "JANE" not in repr(pseudonyms)
    assert KEY.hex() not in repr(pseudonyms)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    key = read_key(state)
    assert len(key) == 32
    assert read_key(state) == key
    assert read_key(tmp_path / "other") != key
    assert _mode(state / KEY_FILE) == 0o600
    assert _mode(state) == 0o700
    assert [path.name for path in state.iterdir()] == [KEY_FILE]


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: read_key(tmp_path), range(64)))
    assert len(keys) == 1


def test_a_key_is_made_where_there_are_no_hard_links(tmp_path: Path, monkeypatch) -> None:
    import errno

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    key = read_key(tmp_path)
    assert read_key(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    read_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(FedchemoError) as caught:
        read_key(tmp_path)
    assert caught.value.code == "FC150"
    assert f"{mode:04o}" in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:40],
        lambda text: ("0" if text[0] != "0" else "1") + text[1:],
        lambda text: text + "more",
        lambda text: text.upper() if text.upper() != text else "x",
        lambda text: "é" * 73,
    ],
)
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, damage) -> None:
    read_key(tmp_path)
    path = tmp_path / KEY_FILE
    damaged = damage(path.read_text())
    path.write_text(damaged)
    with pytest.raises(FedchemoError) as caught:
        read_key(tmp_path)
    assert caught.value.code == "FC150"
    assert path.read_text() == damaged


def test_a_state_folder_that_cannot_be_made_is_a_numbered_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FedchemoError) as caught:
        read_key(tmp_path / "file" / "state")
    assert caught.value.code == "FC004"


def test_the_crosswalk_is_for_its_owner_only(tmp_path: Path) -> None:
    pseudonyms = Pseudonyms(KEY)
    for identifier in ('b, "quoted"', "a", "é"):
        pseudonyms.of(identifier)
    path = tmp_path / "crosswalk.csv"
    write_crosswalk(path, pseudonyms.given())
    assert _mode(path) == 0o600
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["identifier", "pseudonym"]
    assert dict(rows[1:]) == pseudonyms.given()
    assert [row[0] for row in rows[1:]] == ["a", 'b, "quoted"', "é"]
