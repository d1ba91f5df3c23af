"""A kit is whole and unchanged, or it is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, private_openssh, public_openssh
from fedchemo.shared.kit import read_kit, write_kit
from fedchemo.shared.passphrase import passphrase_of
from tests.networked import federation, kit_of


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    return federation(tmp_path_factory.mktemp("kits") / "fed", sites=("A", "B"))


@pytest.fixture(scope="module")
def authority(fed):
    return Authority.load(fed, passphrase=passphrase_of)


def code_of(path) -> str:
    with pytest.raises(FedchemoError) as caught:
        read_kit(path)
    return caught.value.code


def test_a_kit_comes_back_as_it_was_written(fed, tmp_path):
    kit = kit_of(fed, "A")
    write_kit(tmp_path / "again.kit", kit)
    assert read_kit(tmp_path / "again.kit") == kit
    assert (tmp_path / "again.kit").stat().st_mode & 0o777 == 0o600


def test_line_ends_of_windows_do_no_harm(fed, tmp_path):
    content = fed.kit("A").read_bytes().replace(b"\n", b"\r\n")
    write_bytes(tmp_path / "windows.kit", content, mode=0o600)
    assert read_kit(tmp_path / "windows.kit") == kit_of(fed, "A")


@given(share=st.floats(0, 0.999))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kit_cut_anywhere_is_refused(fed, tmp_path, share):
    content = fed.kit("A").read_bytes().rstrip()
    (tmp_path / "cut.kit").write_bytes(content[: int(share * len(content))])
    assert code_of(tmp_path / "cut.kit") in {"FC501", "FC506"}


def test_every_changed_byte_is_found(fed, tmp_path):
    content, path = fed.kit("A").read_bytes(), tmp_path / "changed.kit"
    write_bytes(path, b"", mode=0o600)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert code_of(path) in {"FC501", "FC506"}, content[max(0, place - 20) : place + 20]


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_byte_is_found(fed, tmp_path, place, flip):
    content = bytearray(fed.kit("A").read_bytes())
    content[place % len(content)] ^= flip
    write_bytes(tmp_path / "changed.kit", bytes(content), mode=0o600)
    assert code_of(tmp_path / "changed.kit") in {"FC501", "FC506"}


@pytest.mark.parametrize(
    "change",
    [
        {"federation": "other"},
        {"site": "B"},
        {"host": "10.0.0.9"},
        {"port": 1},
        {"valid_from": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)},
        {"valid_until": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)},
        {"private_key": ""},
        {"public_key": "B"},
        {"ca_certificate": "B"},
        {"signature": "B"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_kit_with_any_field_changed_is_refused(fed, tmp_path, change):
    (name, value), other = *change.items(), kit_of(fed, "B")
    kit = kit_of(fed, "A").model_copy(update={name: getattr(other, name) if value == "B" else value})
    write_kit(tmp_path / "changed.kit", kit)
    same = kit == kit_of(fed, "A")  # both were signed by one authority
    assert same or code_of(tmp_path / "changed.kit") == "FC501"


def test_a_kit_with_its_key_is_refused_when_others_may_read_it(fed, tmp_path):
    write_kit(tmp_path / "A.kit", kit_of(fed, "A"))
    for mode in (0o640, 0o604, 0o620):
        (tmp_path / "A.kit").chmod(mode)
        assert code_of(tmp_path / "A.kit") == "FC509"
    (tmp_path / "A.kit").chmod(0o400)
    read_kit(tmp_path / "A.kit")


def test_a_kit_without_its_key_is_no_secret_and_needs_the_right_one(fed, authority, tmp_path):
    key = new_key()
    bare = {"private_key": "", "public_key": public_openssh(key.public_key())}
    kit = authority.sign(kit_of(fed, "A").model_copy(update=bare))
    write_kit(tmp_path / "bare.kit", kit)
    assert (tmp_path / "bare.kit").stat().st_mode & 0o777 == 0o644
    assert b"PRIVATE" not in (tmp_path / "bare.kit").read_bytes()
    assert read_kit(tmp_path / "bare.kit") == kit
    assert read_kit(tmp_path / "bare.kit", key=key).key() is key
    for wrong in (lambda: read_kit(tmp_path / "bare.kit", key=new_key()), kit.key):
        with pytest.raises(FedchemoError, match="FC518"):
            wrong()


def test_a_key_put_in_is_never_written(fed, authority, tmp_path):
    key = new_key()
    bare = {"private_key": "", "public_key": public_openssh(key.public_key())}
    kit = authority.sign(kit_of(fed, "A").model_copy(update=bare)).with_key(key)
    write_kit(tmp_path / "bare.kit", kit)
    assert b"PRIVATE" not in (tmp_path / "bare.kit").read_bytes()
    assert "PRIVATE" not in repr(kit)
    assert not read_kit(tmp_path / "bare.kit").secret


def test_parts_of_two_kits_do_not_mix(fed, tmp_path):
    a, b = kit_of(fed, "A"), kit_of(fed, "B")
    write_kit(tmp_path / "mixed.kit", a.model_copy(update={"private_key": b.private_key}))
    assert code_of(tmp_path / "mixed.kit") == "FC501"
    write_kit(tmp_path / "renamed.kit", a.model_copy(update={"site": "B"}))
    assert code_of(tmp_path / "renamed.kit") == "FC501"


def test_keys_that_do_not_belong_together_are_refused_even_when_signed(fed, tmp_path):
    authority = Authority.create("x", now=dt.datetime.now(dt.UTC))
    kit = kit_of(fed, "A").model_copy(
        update={
            "private_key": private_openssh(new_key()),
            "ca_certificate": certificate_pem(authority.certificate).decode(),
        }
    )
    write_kit(tmp_path / "odd.kit", authority.sign(kit))
    assert code_of(tmp_path / "odd.kit") == "FC501"


def test_other_files_are_not_kits(fed, tmp_path):
    assert code_of(tmp_path / "absent.kit") == "FC002"
    assert code_of(tmp_path) == "FC002"
    (tmp_path / "image.nii.gz").write_bytes(b"\x1f\x8b" * 100_000)
    assert code_of(tmp_path / "image.nii.gz") == "FC501"
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert code_of(tmp_path / "binary") == "FC501"
    assert code_of(fed.settings) == "FC501"


def test_another_format_is_named(fed, tmp_path):
    content = fed.kit("A").read_text().replace("format = 1", "format = 2")
    (tmp_path / "new.kit").write_text(content)
    assert code_of(tmp_path / "new.kit") == "FC506"


def test_a_secret_is_not_in_the_error(fed, tmp_path):
    content = fed.kit("A").read_text().replace('site = "A"', 'site = "A/../B"')
    (tmp_path / "bad.kit").write_text(content)
    with pytest.raises(FedchemoError) as caught:
        read_kit(tmp_path / "bad.kit")
    assert "site" in caught.value.what
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("days", [-1, 31])
def test_a_kit_holds_within_its_dates_only(fed, days):
    kit, now = kit_of(fed, "A"), dt.datetime.now(dt.UTC)
    kit.check_dates(now)
    with pytest.raises(FedchemoError, match="FC502"):
        kit.check_dates(now + dt.timedelta(days=days))


def test_an_ipv6_address_is_written_in_brackets(fed):
    assert kit_of(fed, "A").model_copy(update={"host": "::1", "port": 8443}).address == "[::1]:8443"


@pytest.mark.parametrize(
    ("days", "told"), [(-1, "ended on"), (0.5, "ends today"), (1.5, "in 1 day,"), (29, "in 29 days")]
)
def test_a_kit_that_ends_soon_says_so(fed, days, told):
    kit = kit_of(fed, "A")
    (warning,) = kit.warnings(kit.valid_until - dt.timedelta(days=days))
    assert told in warning
    assert kit.warnings(kit.valid_until - dt.timedelta(days=31)) == []
