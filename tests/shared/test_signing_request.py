"""A signing request is its sender's, whole and unchanged, or it is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, public_openssh
from fedchemo.shared.signed_text import sign_text, with_signature
from fedchemo.shared.signing_request import read_request, write_request

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.fixture
def key():
    return new_key()


@pytest.fixture
def file(tmp_path, key):
    write_request(tmp_path / "a.request", federation="breast", site="AAI", key=key, now=NOW)
    return tmp_path / "a.request"


def code_of(path) -> str:
    with pytest.raises(FedchemoError) as caught:
        read_request(path)
    return caught.value.code


def test_it_says_who_asks_and_holds_no_secret(file, key):
    wish = read_request(file)
    assert (wish.federation, wish.site, wish.created) == ("breast", "AAI", NOW)
    assert wish.public_key == public_openssh(key.public_key())
    assert b"PRIVATE" not in file.read_bytes()
    assert len(wish.fingerprint.split()) == 16


def test_every_changed_byte_is_found(file):
    content = file.read_bytes()
    for place in range(len(content)):
        for flip in (1, 0x20):
            changed = bytearray(content)
            changed[place] ^= flip
            file.write_bytes(changed)
            assert code_of(file) in {"FC512", "FC506"}
    for length in range(0, len(content), 3):
        file.write_bytes(content[:length])
        assert code_of(file) in {"FC512", "FC506"}


def test_somebody_elses_public_key_cannot_be_asked_for(file, key):
    text = file.read_text().split("\n", 1)[1]
    thief = new_key()
    file.write_text(with_signature(text, sign_text(text, "signing request", thief)))
    assert code_of(file) == "FC512"


def test_a_signature_that_was_made_for_something_else_does_not_serve(file, key):
    text = file.read_text().split("\n", 1)[1]
    file.write_text(with_signature(text, sign_text(text, "roster", key)))
    assert code_of(file) == "FC512"


@pytest.mark.parametrize("comment", [" AAI@ward", "\n", " "])
def test_one_key_does_not_look_like_two(file, key, comment):
    text = file.read_text().split("\n", 1)[1]
    line = public_openssh(key.public_key())
    text = text.replace(line, (line + comment).replace("\n", "\\n"))
    file.write_text(with_signature(text, sign_text(text, "signing request", key)))
    assert code_of(file) == "FC512"


def test_a_key_on_another_curve_is_refused(tmp_path):
    key = ec.generate_private_key(ec.SECP384R1())
    write_request(tmp_path / "big.request", federation="breast", site="AAI", key=key, now=NOW)
    assert code_of(tmp_path / "big.request") == "FC512"


@pytest.mark.parametrize(("federation", "site"), [("breast", "../AAI"), ("breast", "A\n"), ("a b", "AAI")])
def test_a_name_that_is_not_allowed_is_not_asked_for(tmp_path, key, federation, site):
    with pytest.raises(FedchemoError, match="FC512"):
        write_request(tmp_path / "x", federation=federation, site=site, key=key, now=NOW)
    assert not (tmp_path / "x").exists()


def test_other_files_are_not_requests(tmp_path):
    assert code_of(tmp_path / "absent") == "FC002"
    (tmp_path / "long").write_bytes(b"a = 1\n" * 10_000)
    assert code_of(tmp_path / "long") == "FC512"
