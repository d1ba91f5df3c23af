"""Private keys at rest: a passphrase that is slow to guess, or a file that nobody else may read."""

from __future__ import annotations

import getpass
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from fedchemo.shared.encrypted_key import ITERATIONS
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import is_encrypted, new_key, private_pem, read_key
from fedchemo.shared.passphrase import ask_new_passphrase, new_passphrase, passphrase_of
from fedchemo.shared.private_file import read_private

PASSPHRASE = b"correct horse battery"


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch):
    monkeypatch.delenv("FEDCHEMO_PASSPHRASE", raising=False)


def private(path, content: bytes):
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.fixture
def typed(monkeypatch):
    """Somebody at a terminal who types these lines."""

    def type_lines(*lines: str) -> None:
        waiting = iter(lines)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(getpass, "getpass", lambda _: next(waiting))

    return type_lines


def code_of(call) -> str:
    with pytest.raises(FedchemoError) as caught:
        call()
    return caught.value.code


def test_an_encrypted_key_is_standard_and_slow_to_guess(tmp_path):
    key = new_key()
    content = private_pem(key, PASSPHRASE)
    assert is_encrypted(content)
    assert not is_encrypted(private_pem(key))
    assert serialization.load_pem_private_key(content, PASSPHRASE).private_numbers() == key.private_numbers()
    assert ITERATIONS >= 600_000
    file = private(tmp_path / "key.pem", content)
    assert read_key(file, passphrase=lambda _: PASSPHRASE).private_numbers() == key.private_numbers()
    assert code_of(lambda: read_key(file, passphrase=lambda _: b"wrong")) == "FC510"
    assert code_of(lambda: read_key(file, passphrase=lambda _: b"")) == "FC510"
    assert private_pem(key, PASSPHRASE) != content, "salted"


@pytest.mark.parametrize("damage", [lambda c: c[:60], lambda c: b"", lambda c: c.replace(b"A", b"B")])
def test_a_damaged_key_is_named_and_not_shown(tmp_path, damage):
    for passphrase in (None, PASSPHRASE):
        content = private_pem(new_key(), passphrase)
        file = private(tmp_path / "key.pem", damage(content))
        with pytest.raises(FedchemoError) as caught:
            read_key(file, passphrase=lambda _: PASSPHRASE)
        assert caught.value.code in {"FC510", "FC517"}
        assert content.decode().splitlines()[1] not in str(caught.value)


def test_only_its_owner_may_read_a_secret(tmp_path):
    file = private(tmp_path / "key.pem", private_pem(new_key()))
    for mode in (0o640, 0o604, 0o610, 0o601, 0o777):
        file.chmod(mode)
        assert code_of(lambda: read_key(file, passphrase=passphrase_of)) == "FC509"
        link = tmp_path / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        assert code_of(lambda: read_private(tmp_path / "link")) == "FC509"
    assert code_of(lambda: read_private(tmp_path / "absent")) == "FC002"
    assert code_of(lambda: read_private(tmp_path)) == "FC002"


def test_where_a_passphrase_comes_from(tmp_path, monkeypatch, typed):
    key = tmp_path / "key.pem"
    assert code_of(lambda: passphrase_of(key)) == "FC510"
    typed("typed at the terminal")
    assert passphrase_of(key) == b"typed at the terminal"
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", "from the environment")
    assert passphrase_of(key) == b"from the environment"
    file = private(tmp_path / "passphrase", b"from the first line\nnot this\n")
    assert passphrase_of(key, file=file) == b"from the first line"
    file.chmod(0o644)
    assert code_of(lambda: passphrase_of(key, file=file)) == "FC509"


def test_a_new_passphrase_is_long_and_typed_twice(tmp_path, monkeypatch, typed):
    assert new_passphrase("a key") is None
    assert code_of(lambda: new_passphrase("a key", ask=True)) == "FC510"
    typed("correct horse battery", "correct horse battery")
    assert new_passphrase("a key", ask=True) == PASSPHRASE
    typed("correct horse battery", "correct horse buttery")
    assert code_of(lambda: new_passphrase("a key", ask=True)) == "FC511"
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", "too short")
    assert code_of(lambda: new_passphrase("a key")) == "FC511"
    typed("another passphrase", "another passphrase")
    assert ask_new_passphrase("a key") == b"another passphrase", "not the old one of the environment"
    assert code_of(lambda: ask_new_passphrase("a", file=private(tmp_path / "f", b"\n"))) == "FC511"
